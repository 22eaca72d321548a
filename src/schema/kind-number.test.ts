import { expect, test } from 'vitest'
import type { Field } from './field.ts'
import { fieldValidator, kindOf, t, violationsOf } from './index.ts'

/** The value as it is kept, or the codes of what is wrong with it. */
function read(field: Field<any>, value: unknown): unknown {
  const result = fieldValidator(field).safeParse(value)
  return result.success ? result.data : violationsOf(result.error.issues).map(({ code }) => code)
}

const greatest = Number.MAX_SAFE_INTEGER

test('an integer is whole and within ±(2^53 - 1)', () => {
  for (const value of [0, 1, -1, greatest, -greatest]) expect(read(t.integer(), value)).toBe(value)
  for (const value of [2 ** 53, -(2 ** 53), 0.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n, true, []]) {
    expect(read(t.integer(), value)).toEqual(['invalid_type'])
  }
  expect(read(t.integer(), null)).toEqual(['invalid_type'])
  expect(read(t.integer(), undefined)).toEqual(['required'])
})

test('minus zero is zero', () => {
  expect(Object.is(read(t.integer(), -0), 0)).toBe(true)
  expect(Object.is(read(t.float(), -0), 0)).toBe(true)
})

test('bounds of numbers are inclusive', () => {
  for (const field of [t.integer().min(-2).max(3), t.float().min(-2).max(3)]) {
    expect(read(field, -3)).toEqual(['too_small'])
    expect(read(field, -2)).toBe(-2)
    expect(read(field, 3)).toBe(3)
    expect(read(field, 4)).toEqual(['too_big'])
  }
  expect(read(t.float().min(0.1), 0.1 - 2 ** -54)).toEqual(['too_small'])
})

test('a serial starts at 1', () => {
  expect(read(t.serial(), 0)).toEqual(['too_small'])
  expect(read(t.serial(), 1)).toBe(1)
  expect(read(t.serial(), greatest)).toBe(greatest)
  expect(read(t.serial(), greatest + 1)).toEqual(['invalid_type'])
})

test('a float is finite', () => {
  for (const value of [0.1, -1e-320, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE]) {
    expect(read(t.float(), value)).toBe(value)
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '0.1', 1n]) {
    expect(read(t.float(), value)).toEqual(['invalid_type'])
  }
})

test('a bigint is within 64 bits; text and safe numbers are taken for it', () => {
  const most = 2n ** 63n - 1n
  for (const value of [0n, most, -most - 1n]) {
    expect(read(t.bigint(), value)).toBe(value)
    expect(read(t.bigint(), String(value))).toBe(value)
  }
  expect(read(t.bigint(), greatest)).toBe(BigInt(greatest))
  expect(read(t.bigint(), '-007')).toBe(-7n)
  for (const value of [
    most + 1n,
    String(most + 1n),
    -most - 2n,
    2 ** 53,
    0.5,
    '',
    ' 1',
    '1.0',
    '0x1',
    '+1',
    '1n',
    true,
  ]) {
    expect(read(t.bigint(), value)).toEqual(['invalid_type'])
  }
  const field = t
    .bigint()
    .min(-5n)
    .max(most - 1n)
  expect(read(field, '-6')).toEqual(['too_small'])
  expect(read(field, -5)).toBe(-5n)
  expect(read(field, most - 1n)).toBe(most - 1n)
  expect(read(field, most)).toEqual(['too_big'])
  expect(kindOf(field).toJson!(most as never)).toBe('9223372036854775807')
})

test('a decimal is exact text with all digits of its scale', () => {
  const field = t.decimal(10, 2)
  expect(read(field, '12.5')).toBe('12.50')
  expect(read(field, 12.5)).toBe('12.50')
  expect(read(field, '-0')).toBe('0.00')
  expect(read(field, '007.100000')).toBe('7.10')
  expect(read(field, '99999999.99')).toBe('99999999.99')
  expect(read(field, '-99999999.99')).toBe('-99999999.99')
  expect(read(field, '100000000')).toEqual(['too_big'])
  expect(read(field, '0.001')).toEqual(['invalid_decimal'])
  for (const value of ['', '.5', '5.', '1e3', '1,5', ' 1', '+1', '--1', 'NaN', '٣', 1e21, 1e-7, Number.NaN, 2 ** 53]) {
    expect(read(field, value)).toEqual(['invalid_decimal'])
  }
  for (const value of [true, 1n, {}]) expect(read(field, value)).toEqual(['invalid_type'])
})

test('a decimal has up to 18 digits, before or after the point', () => {
  const nines = '9'.repeat(18)
  expect(read(t.decimal(18, 0), nines)).toBe(nines)
  expect(read(t.decimal(18, 0), `1${'0'.repeat(18)}`)).toEqual(['too_big'])
  expect(read(t.decimal(18, 18), `0.${nines}`)).toBe(`0.${nines}`)
  expect(read(t.decimal(18, 18), '1')).toEqual(['too_big'])
  expect(read(t.decimal(1, 0), '9')).toBe('9')
  for (const [precision, scale] of [
    [0, 0],
    [19, 0],
    [5, 6],
    [5, -1],
    [1.5, 0],
    [5, 0.5],
    [Number.NaN, 0],
  ] as const) {
    expect(() => t.decimal(precision, scale)).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
  }
})

test('bounds of decimals are inclusive and exact', () => {
  const field = t.decimal(18, 2).min('-0.10').max('9007199254740993.01')
  expect(read(field, '-0.11')).toEqual(['too_small'])
  expect(read(field, '-0.1')).toBe('-0.10')
  expect(read(field, '9007199254740993.01')).toBe('9007199254740993.01')
  expect(read(field, '9007199254740993.02')).toEqual(['too_big'])
})

test('digits beyond 40 are not read at all', () => {
  expect(read(t.decimal(2, 1), `${'0'.repeat(39)}1.${'5'.padEnd(40, '0')}`)).toBe('1.5')
  expect(read(t.decimal(2, 1), `${'0'.repeat(40)}1`)).toEqual(['invalid_decimal'])
  expect(read(t.decimal(2, 1), `1.${'5'.padEnd(41, '0')}`)).toEqual(['invalid_decimal'])
})
