import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimalText, decimalUnits } from './index.ts'

test.each<[string | number, number, bigint]>([
  ['12.5', 2, 1250n],
  ['-12.50', 2, -1250n],
  ['0', 0, 0n],
  ['-0', 3, 0n],
  ['-0.00', 2, 0n],
  ['0001.1', 1, 11n],
  ['1.1000', 1, 11n],
  ['1.0', 0, 1n],
  [12.5, 2, 1250n],
  [0.1, 18, 100_000_000_000_000_000n],
  [-0, 2, 0n],
  [2 ** 53 - 1, 0, 9007199254740991n],
])('%s at scale %i is %s units', (value, scale, units) => {
  expect(decimalUnits(value, scale)).toBe(units)
})

test.each<[string | number, number]>([
  ['1.01', 1],
  ['1.5', 0],
  ['', 2],
  ['.5', 2],
  ['1.', 2],
  ['1e2', 2],
  ['0x10', 2],
  ['1_000', 2],
  [' 1', 2],
  ['1\n', 2],
  ['Infinity', 2],
  [Number.NaN, 2],
  [Number.POSITIVE_INFINITY, 2],
  [1e21, 2],
  [1e-7, 10],
  [2 ** 53, 0],
  [0.1 + 0.2, 2],
])('%s at scale %i is no decimal', (value, scale) => {
  expect(decimalUnits(value, scale)).toBeUndefined()
})

test.each<[bigint, number, string]>([
  [1250n, 2, '12.50'],
  [-5n, 2, '-0.05'],
  [0n, 2, '0.00'],
  [7n, 0, '7'],
  [-1n, 18, '-0.000000000000000001'],
])('%s units at scale %i read %s', (units, scale, text) => {
  expect(decimalText(units, scale)).toBe(text)
})

test('text and units are two forms of the same', () => {
  const eighteen = 10n ** 18n
  fc.assert(
    fc.property(fc.bigInt({ min: -eighteen, max: eighteen }), fc.integer({ min: 0, max: 18 }), (units, scale) => {
      expect(decimalUnits(decimalText(units, scale), scale)).toBe(units)
    }),
    { seed: 20261122 },
  )
})
