/** Names that no file of a site has, and that would reach beyond the folder, or into its machinery. */
const refused = /^\.|[\\/:\0]/

/**
 * The names of a path below a folder, one for each level; undefined for a path that is never served: with `.`, `..`,
 * an empty level, a backslash, a colon, NUL, or a name that begins with a dot. But for `.well-known` at the top, which is
 * made to be served (RFC 8615).
 *
 * @param rest of the path, decoded; a slash at its end is no level
 */
export function namesOf(rest: string): string[] | undefined {
  if (rest === '') return []
  const names = (rest.endsWith('/') ? rest.slice(0, -1) : rest).split('/')
  const isServed = (name: string, at: number) =>
    name !== '' && (!refused.test(name) || (at === 0 && name === '.well-known' && names.length > 1))
  return names.every(isServed) ? names : undefined
}

// What a hash by a bundler looks like before the extension: hexadecimal digits (webpack, Parcel), or eight characters
// with capitals, small letters and digits (Vite, Rollup, esbuild). And only of what bundlers make: a photograph's name may
// look so by accident, and would then be kept for a year.
const hashed =
  /[.-](?:(?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,64}|(?=\D*\d)(?=[^A-Z]*[A-Z])[\w-]{8})\.(?:js|mjs|css|wasm|woff2?|map|js\.map|css\.map)$/

/** Whether a name tells of its content, so that a file of this name never changes. */
export function isHashed(name: string): boolean {
  return hashed.test(name)
}
