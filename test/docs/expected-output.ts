/**
 * Whether output is what a page shows. White space does not count, so that a page may break long lines and indent JSON;
 * `…` and `...` stand for anything (ids, times, what the page leaves out).
 */
export function isExpected(expected: string, actual: string): boolean {
  const parts = expected.replaceAll(/\s+/g, '').split(/…|\.\.\./)
  const pattern = parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*')
  return new RegExp(`^${pattern}$`, 's').test(actual.replaceAll(/\s+/g, ''))
}

export function assertExpected(expected: string, actual: string, what: string): void {
  if (isExpected(expected, actual)) return
  throw new Error(`${what}\nthe page shows:\n${indent(expected)}\nit really is:\n${indent(actual)}`)
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '  ')
}
