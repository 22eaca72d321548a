import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { rowMaker } from './row-maker.ts'

const parts = {
  names: ['id', 'at', 'a "quoted" name', 'constructor'],
  places: [2, 0, 1, 2],
  decodes: [undefined, (cell: string) => new Date(cell), undefined, undefined],
}

test('rows are the same by a loop and by the function that follows it', () => {
  const make = rowMaker(parts)
  for (let n = 0; n < 500; n++) {
    const row = make([n % 2 ? null : '2026-11-22T00:00:00.000Z', `text ${n}`, n])
    expect(Object.entries(row)).toEqual([
      ['id', n],
      ['at', n % 2 ? null : new Date('2026-11-22T00:00:00.000Z')],
      ['a "quoted" name', `text ${n}`],
      ['constructor', n],
    ])
  }
})

const script = `
const { rowMaker } = await import('./src/storage/sql/row-maker.ts')
const make = rowMaker({ names: ['n'], places: [0], decodes: [undefined] })
let sum = 0
for (let n = 0; n < 500; n++) sum += make([n]).n
console.log(sum)
`

test('a process that may compile no text makes its rows too', () => {
  const args = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script]
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe(String((499 * 500) / 2))
})
