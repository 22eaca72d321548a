/** `; did you mean PORT?` when a known name is close to what was written, else nothing. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const near = [...known]
    .map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 2.5)))
    .sort((a, b) => a.distance - b.distance)
  return near[0] ? `; did you mean ${near[0].name}?` : ''
}

/** Characters to add, remove or replace to get from one text to the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
