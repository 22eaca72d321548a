/**
 * Simple case folding (Unicode CaseFolding.txt, statuses C and S): each code point on its own, never more than one for
 * one, so that text keeps its length in code points. It is derived from the JavaScript engine's own Unicode data, and a
 * test holds it to what the flags `iu` of a regular expression call equal.
 */

// Pairs that fold together although neither has a simple upper or lower case: only their expansions meet.
const expansionsOnly: [number, number][] = [
  [0x1fd3, 0x0390],
  [0x1fe3, 0x03b0],
  [0xfb05, 0xfb06],
]

// Cherokee folds to its upper case, because its lower case came to Unicode later.
const cherokee = /[\u13A0-\u13FD\uAB70-\uABBF]/u

const folded = new Map<string, string>(
  expansionsOnly.map(([from, to]) => [String.fromCodePoint(from), String.fromCodePoint(to)]),
)

const upperAscii = /[A-Z]/
const beyondAscii = /[^\0-\x7f]/

/** The text with differences of case removed; folding twice changes nothing more. */
export function foldCase(text: string): string {
  if (!beyondAscii.test(text)) return upperAscii.test(text) ? text.toLowerCase() : text
  let result = ''
  for (const character of text) {
    let to = folded.get(character)
    if (to === undefined) {
      to = foldCharacter(character)
      folded.set(character, to)
    }
    result += to
  }
  return result
}

function foldCharacter(character: string): string {
  const upper = one(character.toUpperCase(), character)
  if (cherokee.test(character)) return upper
  const lower = one(upper.toLowerCase(), character)
  return areEqual(character, lower) ? lower : one(character.toLowerCase(), character)
}

// A mapping to several code points is a full one, which simple folding leaves out.
function one(mapped: string, character: string): string {
  const size = mapped.codePointAt(0)! > 0xffff ? 2 : 1
  return mapped.length === size && areEqual(character, mapped) ? mapped : character
}

function areEqual(a: string, b: string): boolean {
  return a === b || new RegExp(`^\\u{${a.codePointAt(0)!.toString(16)}}$`, 'iu').test(b)
}
