/**
 * Text as every engine orders it: by code point, which is the order of its UTF-8 bytes. JavaScript's `<` compares UTF-16
 * units and puts U+10000 before U+FFFF.
 */

/** Negative, zero or positive, as `a` comes before, with or after `b` by code point. Both must be well-formed. */
export function compareText(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let at = 0; at < shorter; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? afterSurrogates(x) - afterSurrogates(y) : x - y
  }
  return a.length - b.length
}

// Units of surrogates stand for code points above every other unit: moved behind U+E000 to U+FFFF.
function afterSurrogates(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/**
 * The first text by code point that comes after every text with this prefix, so that `prefix <= x < after` says "starts
 * with" and an index can answer it. Undefined when nothing comes after (the prefix is empty or all U+10FFFF).
 */
export function textAfterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!)
  while (points.at(-1) === 0x10ffff) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
}
