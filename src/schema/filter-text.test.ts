import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareText, textAfterPrefix } from './filter-text.ts'

const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
})

test('text is ordered by code point, as UTF-8 bytes are', () => {
  expect(compareText('\uffff', '\u{10000}')).toBeLessThan(0)
  expect(compareText('\ue000', '\u{1f600}')).toBeLessThan(0)
  expect(compareText('a', 'a')).toBe(0)
  expect(compareText('a', 'ab')).toBeLessThan(0)
  fc.assert(
    fc.property(text, text, (a, b) => Math.sign(compareText(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
})

test('the text after a prefix bounds exactly the texts that start with it', () => {
  expect(textAfterPrefix('ab')).toBe('ac')
  expect(textAfterPrefix('a\ud7ff')).toBe('a\ue000')
  expect(textAfterPrefix('a\uffff')).toBe('a\u{10000}')
  expect(textAfterPrefix('a\u{10ffff}')).toBe('b')
  for (const last of ['', '\u{10ffff}', '\u{10ffff}\u{10ffff}']) expect(textAfterPrefix(last)).toBeUndefined()
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const after = textAfterPrefix(prefix)
      const within = compareText(other, prefix) >= 0 && (after === undefined || compareText(other, after) < 0)
      return within === other.startsWith(prefix)
    }),
  )
})
