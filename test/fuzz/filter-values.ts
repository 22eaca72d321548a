import fc from 'fast-check'
import { decimalText, type Field, valueField } from '../../src/schema/index.ts'

// Values where engines and JavaScript are known to part: order beyond the surrogates, folding, edges of 53 and 64 bits,
// minus zero, wildcards of LIKE, escapes of JSON and of SQL.

const pieces = [
  ...['', 'a', 'A', 'b', 'ab', 'z', '0', ' ', '\n', '%', '_', '\\', "'", '"', ',', '*', '[', 'null', 'true'],
  ...['ß', 'ẞ', 'ss', 'i', 'I', 'İ', 'ı', 'k', 'K', '\u212a', 'å', 'Å', '\u212b', 's', 'S', 'ſ', 'σ', 'ς', 'Σ', 'ŉ'],
  ...[
    'é',
    'É',
    'e\u0301',
    'E\u0301',
    '\u0345',
    'ι',
    'ﬅ',
    'ﬆ',
    '\u1fd3',
    '\u0390',
    'ᏸ',
    'Ᏸ',
    '\uab70',
    '\u13a0',
    'ǆ',
    'ǅ',
    'Ǆ',
  ],
  ...['\ud7ff', '\ue000', '\ufffd', '\uffff', '\u{10000}', '\u{1f600}', '\u{10400}', '\u{10428}', '\u{10ffff}'],
]

export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...pieces) },
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 4 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }).filter((value) => !value.includes('\0')) },
)

const integers = [0, -0, 1, -1, 2, 10, 9, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53 - 2]
const integer = fc.oneof(fc.constantFrom(...integers), fc.integer({ min: -3, max: 3 }), fc.maxSafeInteger())

const bigints = [
  0n,
  1n,
  -1n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 63n - 2n,
]
const bigint = fc.oneof(fc.constantFrom(...bigints), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))

const floats = [0, -0, 1, -1, 0.1, 0.2, 0.1 + 0.2, 0.3, 1.5, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 1e21]
const largeFloats = [2 ** 53, 2 ** 53 + 2, 2 ** 60, 2 ** 60 + 256, 2 ** 63, -(2 ** 63), 1e-7, 123456789.12345679]
const float = fc.oneof(
  fc.constantFrom(...floats, ...largeFloats),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -3, max: 3 }),
)

const dates = [
  '0001-01-01',
  '9999-12-31',
  '1970-01-01',
  '2024-02-29',
  '2026-02-28',
  '2026-03-01',
  '0999-12-31',
  '1000-01-01',
]
const times = [0, 1, -1, 999, 1000, Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')]
const moreTimes = ['2026-11-22T10:00:00.000Z', '2026-11-22T10:00:00.001Z', '0999-12-31T23:59:59.999Z'].map(Date.parse)

export const enumValues = ['a', 'B', 'b', 'é', '\uffff', '\u{10000}', "it's"] as const

const bytes = fc.oneof(
  fc.constantFrom([], [0], [0, 0], [255], [128, 1], [0xed, 0xa0, 0x80]).map((list) => Uint8Array.from(list)),
  fc.uint8Array({ maxLength: 3 }),
)

const scalar = fc.oneof(
  text,
  float,
  fc.boolean(),
  fc.constantFrom<string | number>('1', 1, 'true', '', 0, 2 ** 60, 'null'),
)

/** Member names with everything that a path can say, and places that hold nothing in most documents. */
export const jsonNames = ['a', 'b', 'x y', "it's", 'é', '0', '\u{1f600}', 'length', 'a-b', '$']

export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    scalar,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom(...jsonNames), tie('value')), { maxLength: 4 }).map(Object.fromEntries),
  ),
})).value

function decimal(precision: number, scale: number): fc.Arbitrary<string> {
  const most = 10n ** BigInt(precision) - 1n
  const units = fc.oneof(
    fc.constantFrom(0n, 1n, -1n, most, -most, most - 1n),
    fc.bigInt({ min: -most, max: most }),
    fc.bigInt({ min: -most < -12n ? -12n : -most, max: most > 12n ? 12n : most }),
  )
  return units.map((value) => decimalText(value, scale))
}

const uuids = Array.from({ length: 30 }, (_, at) => `0190a5c8-0000-7000-8000-${String(at).padStart(12, '0')}`)
/** Keys that rows have, and some that none has. */
export const uuid = (row: number): string => uuids[row]!

/** A value of a field as code has it, null aside. References and keys are given by their world. */
export function valueFor(field: Field): fc.Arbitrary<unknown> {
  const held = valueField(field)
  switch (held.kind) {
    case 'id':
      return fc.constantFrom(...uuids)
    case 'serial':
      return fc.integer({ min: 1, max: 30 })
    case 'integer':
      return integer
    case 'bigint':
      return bigint
    case 'decimal':
      return decimal(held.options.precision, held.options.scale)
    case 'float':
      return float
    case 'boolean':
      return fc.boolean()
    case 'date':
      return fc.constantFrom(...dates)
    case 'timestamp':
      return fc.constantFrom(...times, ...moreTimes).map((time) => new Date(time))
    case 'enum':
      return fc.constantFrom(...enumValues)
    case 'json':
      return json.filter((value) => value !== null)
    case 'bytes':
      return bytes
    default:
      return text
  }
}
