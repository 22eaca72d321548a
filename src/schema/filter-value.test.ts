import { describe, expect, test } from 'vitest'
import { comparableReader, filterValue } from './filter-value.ts'
import type { ColumnType } from './kind.ts'

const uuid = '0190a5c8-0000-7000-8000-00000000000A'
const taken: [ColumnType, unknown, unknown][] = [
  [{ type: 'uuid' }, uuid, uuid.toLowerCase()],
  [{ type: 'text' }, '', ''],
  [{ type: 'integer' }, 2 ** 53 - 1, 2 ** 53 - 1],
  [{ type: 'integer' }, -0, 0],
  [{ type: 'float' }, -0, 0],
  [{ type: 'float' }, 1e308, 1e308],
  [{ type: 'boolean' }, false, false],
  [{ type: 'bigint' }, '9223372036854775807', 2n ** 63n - 1n],
  [{ type: 'bigint' }, -(2n ** 63n), -(2n ** 63n)],
  [{ type: 'bigint' }, 5, 5n],
  [{ type: 'decimal', precision: 10, scale: 2 }, 10, '10.00'],
  [{ type: 'decimal', precision: 10, scale: 2 }, '-0.10', '-0.10'],
  [{ type: 'decimal', precision: 10, scale: 2 }, '-0', '0.00'],
  [{ type: 'decimal', precision: 10, scale: 2 }, '9999999999999999.99', '9999999999999999.99'],
  [{ type: 'date' }, '2024-02-29', '2024-02-29'],
  [{ type: 'timestamp' }, '2026-11-22T10:00:00+01:00', new Date('2026-11-22T09:00:00Z')],
  [{ type: 'timestamp' }, '0001-01-01T00:00:00.000Z', new Date('0001-01-01T00:00:00Z')],
  [{ type: 'timestamp' }, new Date(5), new Date(5)],
  [{ type: 'bytes' }, '/+8=', Uint8Array.of(255, 239)],
  [{ type: 'bytes' }, Uint8Array.of(1), Uint8Array.of(1)],
]
test.each(taken)('%o takes %o', (type, given, value) => {
  expect(filterValue(type, given)).toEqual(value)
})

const refused: [ColumnType['type'], unknown[]][] = [
  ['uuid', ['x', 5, `${uuid}0`]],
  ['text', [5, '\0', '\ud800', true, new Date()]],
  ['integer', [1.5, 2 ** 53, -(2 ** 53), '1', 1n, Number.NaN, Number.POSITIVE_INFINITY]],
  ['float', ['1.5', Number.NaN, Number.NEGATIVE_INFINITY, 1n]],
  ['boolean', [0, 1, 'true']],
  ['bigint', [2 ** 53, 1.5, '9223372036854775808', 2n ** 63n, '1.0', '', ' 1', '0x1']],
  ['date', ['2023-02-29', '0000-01-01', '2026-1-1', new Date(), '2026-11-22T00:00:00Z', '10000-01-01']],
  [
    'timestamp',
    ['2026-02-30T10:00:00Z', '2026-11-22', 5, new Date(Number.NaN), '0000-12-31T23:59:59Z', new Date(8.64e15)],
  ],
  ['bytes', ['a', 'a===', '*', [1], 5]],
]
describe.each(refused)('%s', (type, values) => {
  test.each(values)('refuses %o', (value) => {
    expect(filterValue({ type } as ColumnType, value)).toBeUndefined()
  })
})

test.each(['0.001', '1e3', '', '+1', '.5', 'x', 1e21, Number.NaN, '10000000000000000.00'])(
  'decimal(10, 2) refuses %j',
  (value) => {
    expect(filterValue({ type: 'decimal', precision: 10, scale: 2 }, value)).toBeUndefined()
  },
)

test.each<[ColumnType, unknown, unknown]>([
  [{ type: 'bigint' }, 2n ** 60n, String(2n ** 60n)],
  [{ type: 'decimal', precision: 5, scale: 2 }, '1.50', '1.5'],
  [{ type: 'timestamp' }, new Date(5), '1970-01-01T00:00:00.005Z'],
  [{ type: 'bytes' }, Uint8Array.of(255, 239), '/+8='],
  [{ type: 'boolean' }, true, 1],
])('%o of a row is the same as code has it and as JSON has it', (type, code, json) => {
  const read = comparableReader(type)
  expect(read(code)).toBe(read(json))
  expect(read(null)).toBeNull()
  expect(read(undefined)).toBeNull()
})
