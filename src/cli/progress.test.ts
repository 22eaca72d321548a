import { expect, test } from 'vitest'
import { progressOn } from './progress.ts'

function drawn(live: boolean, total: number, steps: number[]): string[] {
  const texts: string[] = []
  const step = progressOn({ write: (text) => texts.push(text), live })('Copying article', total)
  for (const done of steps) step(done)
  return texts
}

test('elsewhere than on a terminal, each tenth is a line, once', () => {
  expect(drawn(false, 1000, [0, 99, 100, 100, 550, 1000, 1001])).toEqual(
    ['0%', '10%', '50%', '100%'].map((part) => `Copying article ${part.padStart(4)}\n`),
  )
})
test('on a terminal one line is drawn anew for each percent, and ends at the last', () => {
  const texts = drawn(
    true,
    1000,
    Array.from({ length: 1001 }, (_, done) => done),
  )
  expect(texts).toHaveLength(101)
  expect(texts.every((text) => text.startsWith('\r\x1b[2KCopying article '))).toBe(true)
  expect(texts.map((text) => text.endsWith('\n')).indexOf(true)).toBe(100)
})
test('nothing to do is done at once', () => {
  expect(drawn(false, 0, [0])).toEqual(['Copying article 100%\n'])
})
