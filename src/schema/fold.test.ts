import { expect, test } from 'vitest'
import { foldCase } from './fold.ts'

/** Every code point but surrogates. */
const all = Array.from({ length: 0x110000 - 0x800 }, (_, at) => String.fromCodePoint(at < 0xd800 ? at : at + 0x800))

function ignoringCase(character: string, flags: string): RegExp {
  return new RegExp(`\\u{${character.codePointAt(0)!.toString(16)}}`, flags)
}

test('text of several scripts folds as Unicode says, one code point for one', () => {
  expect(foldCase('Monobloc')).toBe('monobloc')
  expect(foldCase('ÀÉß ẞ')).toBe('àéß ß')
  expect(foldCase('\u212a \u212b ſ')).toBe('k å s')
  expect(foldCase('ΣΑΣ σας')).toBe('σασ σασ')
  expect(foldCase('İ I ı i')).toBe('İ i ı i')
  expect(foldCase('\u{10400}ﬅ\u1fd3\uab70')).toBe('\u{10428}ﬆ\u0390\u13a0')
})

test('combining marks and what has no case stay as they are', () => {
  for (const text of ['', 'e\u0301', '漢字', '😀', '\uffff', '%_\\']) expect(foldCase(text)).toBe(text)
})

test('folding twice changes nothing more, and no code point becomes two', () => {
  const wrong = all.filter((character) => {
    const folded = foldCase(character)
    return foldCase(folded) !== folded || Array.from(folded).length !== 1
  })
  expect(wrong).toEqual([])
})

test('what folds together is what a regular expression with i and u calls equal', () => {
  const moved = all.filter((character) => foldCase(character) !== character)
  expect(moved.length).toBeGreaterThan(1400)
  expect(moved.filter((character) => !ignoringCase(character, 'iu').test(foldCase(character)))).toEqual([])
  // What is left after folding must be equal to nothing else that is left.
  const cased = all.filter((one) => /\p{Cased}|\p{Changes_When_Casemapped}|\p{Changes_When_NFKC_Casefolded}/u.test(one))
  const left = [...new Set(cased.map(foldCase))]
  const haystack = left.join('')
  const related = left.filter((one) => one.toUpperCase() !== one || one.toLowerCase() !== one || moved.includes(one))
  expect(related.filter((one) => haystack.match(ignoringCase(one, 'giu'))!.length > 1)).toEqual([])
})
