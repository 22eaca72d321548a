import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { conversionSql } from './sqlite-conversion.ts'

test.each([
  ['bigint', 2n ** 63n - 1n, undefined],
  ['bigint', 2n ** 63n - 1024n, 2 ** 63 - 1024],
  ['bigint', -(2n ** 63n), -(2 ** 63)],
  ['bigint', 2n ** 53n + 1n, undefined],
  ['text', '9223372036854775807', undefined],
  ['text', '9007199254740993', undefined],
  ['text', '9007199254740992', 2 ** 53],
  ['text', '0.5', 0.5],
] as const)('a %s of %s as a float is the same number, or refused', (type, value, float) => {
  using db = new DatabaseSync(':memory:')
  db.exec('create table made (float real) strict')
  const convert = () =>
    db.prepare(`insert into made select ${conversionSql('c', { type }, { type: 'float' })} from (select ? as c)`)
  if (float === undefined) return expect(() => convert().run(value)).toThrow('cannot store BLOB value in REAL column')
  convert().run(value)
  expect(db.prepare('select float from made').get()).toEqual({ float })
})
