/** A name as every engine takes it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
