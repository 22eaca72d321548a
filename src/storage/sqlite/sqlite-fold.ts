/** The function by which our connections fold case. It is in no index, check or trigger: other programs lack it. */
export const foldFunction = 'monobloc_fold'
