import { expect, test } from 'vitest'
import { foldCase } from '../../schema/index.ts'
import { foldedPairs } from './postgres-fold-pairs.ts'

test('the pairs are all that foldCase changes beyond ASCII', () => {
  const pairs = new Map(foldedPairs.flatMap(([from, to]) => [...from].map((letter, at) => [letter, [...to][at]!])))
  const wrong: string[] = []
  for (let point = 0x80; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const letter = String.fromCodePoint(point)
    if (foldCase(letter) !== (pairs.get(letter) ?? letter)) wrong.push(point.toString(16))
  }
  expect(wrong).toEqual([])
  // Each part is folded after those before it: no letter may be changed twice.
  const became = new Set(pairs.values())
  expect([...pairs.keys()].filter((letter) => became.has(letter))).toEqual([])
})
