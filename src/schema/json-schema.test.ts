import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Field } from './field.ts'
import { fieldJsonSchema, fieldValidator, jsonSchemaOf, kindOf, model, t } from './index.ts'

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
addFormats.default(ajv)
ajv.addFormat('iri', (text) => URL.canParse(text))
// Annotations that say what a pattern can't: that a text is a number of 64 bits, or an exact decimal.
ajv.addFormat('int64', (text) => BigInt.asIntN(64, BigInt(text)) === BigInt(text))
ajv.addFormat('decimal', true)

const Tag = model('tag', { name: t.slug().max(5) }, { key: ['name'] })

const text = (alphabet: string, maxLength = 8) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength })
const whole = fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String)
const digits = fc
  .tuple(text('-', 1), text('0123456789', 6), text('.', 1), text('0123456789', 4))
  .map((parts) => parts.join(''))
const edges = fc.constantFrom<unknown>(
  ...[null, true, 0, -0, 1, -1, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 0.5, 1e300, '', 'a', [], {}, [null], { a: [1] }],
)
const days = fc.tuple(
  fc.integer({ min: 1, max: 9999 }),
  fc.integer({ min: 0, max: 13 }),
  fc.integer({ min: 0, max: 32 }),
)
const day = days.map(
  ([y, m, d]) => `${String(y).padStart(4, '0')}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`,
)
const clock = fc
  .tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 61 }), fc.constantFrom('', '.1', '.123456'))
  .map(([h, m, f]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}:59${f}`)
const instant = fc
  .tuple(day, clock, fc.constantFrom('Z', 'z', '+01:00', '-12:30', ''))
  .map(([on, at, zone]) => `${on}T${at}${zone}`)
const hosts = fc.constantFrom(
  'http://a.b/',
  'https://ä.de',
  'HTTP://x',
  'ftp://a',
  'http:/a',
  'http://',
  '//a',
  'http://a:b',
)

// Values near each kind's edge, beside those that belong to others.
const kinds: Record<string, [Field<any>, fc.Arbitrary<unknown>]> = {
  id: [t.id(), fc.oneof(fc.uuid(), text('0a-F', 36))],
  serial: [t.serial(), fc.maxSafeInteger()],
  text: [t.text(), text('a𝒳é\n')],
  'text within bounds': [t.text().min(2).max(4), text('a𝒳')],
  'text of a pattern': [t.text().pattern(/^[ab]+$/), text('abc')],
  'text of a Unicode pattern': [t.text().pattern(/^\p{Lu}.$/u), text('aB𝒳')],
  email: [t.email(), fc.oneof(fc.emailAddress(), text('a@.b'))],
  url: [
    t.url(),
    fc.oneof(
      fc.webUrl({ withQueryParameters: true }),
      fc.tuple(hosts, text('a/ \\"<\t?#ü')).map((parts) => parts.join('')),
    ),
  ],
  slug: [t.slug(), text('aé1-Aß_')],
  'slug of a pattern': [t.slug().pattern(/^a/).max(4), text('ab-')],
  integer: [t.integer(), fc.oneof(fc.integer(), fc.double())],
  'integer within bounds': [t.integer().min(-2).max(2), fc.integer({ min: -4, max: 4 })],
  bigint: [t.bigint(), fc.oneof(whole, text('-012', 21))],
  'decimal(5,2)': [t.decimal(5, 2), digits],
  'decimal(3,0)': [t.decimal(3, 0), digits],
  'decimal(2,2)': [t.decimal(2, 2), digits.map((value) => value.replace(/^(-?)\d*/, '$10'))],
  'decimal(18,3)': [t.decimal(18, 3), text('0189.-', 26)],
  float: [t.float(), fc.double({ noNaN: true, noDefaultInfinity: true })],
  'float within bounds': [t.float().min(0.1).max(0.5), fc.double({ min: 0, max: 1, noNaN: true })],
  boolean: [t.boolean(), fc.boolean()],
  date: [t.date(), day],
  timestamp: [t.timestamp(), instant],
  enum: [t.enum('a', 'b', 'é'), text('abé', 2)],
  json: [t.json(), fc.jsonValue()],
  'json of a shape': [
    t.json(z.object({ n: z.int().optional(), l: z.array(z.string()).max(2) })),
    fc.record(
      { n: fc.oneof(fc.integer(), fc.string()), l: fc.array(fc.string(), { maxLength: 3 }) },
      { requiredKeys: [] },
    ),
  ],
  bytes: [t.bytes(), text('AB=+', 9)],
  ref: [t.ref(Tag), text('a-B', 7)],
  links: [t.manyToMany(Tag), fc.array(text('ab', 2), { maxLength: 4 })],
}

const cases = Object.entries(kinds).flatMap(([name, [field, values]]) => {
  const own: [string, Field<any>, fc.Arbitrary<unknown>][] = [[name, field, values]]
  if (field.kind !== 'manyToMany' && field.kind !== 'id' && field.kind !== 'serial')
    own.push([`${name}, nullable`, field.nullable(), values])
  return own
})

/** Numbers in JSON stand for bigints and decimals too where code gives them; the schema speaks of text only. */
function isUnsaid(field: Field<any>, value: unknown): boolean {
  return typeof value === 'number' && (field.kind === 'bigint' || field.kind === 'decimal')
}

test.each(cases)('the validator and the JSON Schema of %s agree', (name, field, values) => {
  const described = ajv.compile(fieldJsonSchema(field))
  const validator = fieldValidator(field)
  const seen = { accepted: 0, refused: 0 }
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: values }, { weight: 1, arbitrary: edges }), (value) => {
      if (isUnsaid(field, value)) return
      const accepted = validator.safeParse(value).success
      seen[accepted ? 'accepted' : 'refused']++
      expect(described(value)).toBe(accepted)
    }),
    { numRuns: 400, seed: 20261122 },
  )
  // Values that are all accepted, or all refused, would agree with a schema that says nothing.
  expect(seen.accepted).toBeGreaterThan(5)
  if (name !== 'json, nullable') expect(seen.refused).toBeGreaterThan(5)
})

test.each(cases)('what is kept of a value of %s, as JSON, is what the schema of answers says', (_, field, values) => {
  const described = ajv.compile(fieldJsonSchema(field, 'output'))
  const validator = fieldValidator(field)
  const { toJson = (value: unknown) => value } = kindOf(field) as { toJson?: (value: any) => unknown }
  fc.assert(
    fc.property(fc.oneof(values, edges), (value) => {
      const result = validator.safeParse(value)
      if (!result.success) return
      const kept = result.data === null || Array.isArray(result.data) ? result.data : toJson(result.data)
      expect(described(kept)).toBe(true)
      expect(validator.safeParse(kept).success).toBe(true)
    }),
    { numRuns: 200, seed: 20261122 },
  )
})

test('the bounds of bytes are said as lengths of base64', () => {
  const described = ajv.compile(fieldJsonSchema(t.bytes().min(3).max(6)))
  const base64 = (length: number) => Buffer.alloc(length).toString('base64')
  expect([0, 2, 3, 6, 7].map((length) => described(base64(length)))).toEqual([false, true, true, true, false])
})

test('a pattern that JSON Schema would read differently is left out', () => {
  expect(fieldJsonSchema(t.text().pattern(/^a$/g))).toEqual({ type: 'string', pattern: '^a$' })
  // With `u`, a hyphen can't be escaped outside a class.
  const legacy = '\\-'
  for (const pattern of [/^a$/i, /^a.b$/s, /^a$/m, /a/y, /^[a&&b]$/v, new RegExp(legacy)]) {
    expect(fieldJsonSchema(t.text().pattern(pattern))).toEqual({ type: 'string' })
  }
})

test('the validator of a model describes itself, alone and inside other schemas', () => {
  const Book = model('book', {
    id: t.id(),
    title: t.text().trim().max(9),
    at: t.timestamp().nullable(),
    size: t.decimal(3, 1).default('1.0'),
    secret: t.text().writeOnly(),
    hidden: t.text().readOnly(),
    tags: t.manyToMany(Tag),
    shelf: t.virtual(z.string(), () => 'a'),
    createdAt: t.createdAt(),
  })
  const size = fieldJsonSchema(t.decimal(3, 1))
  const tags = fieldJsonSchema(t.manyToMany(Tag))
  expect(jsonSchemaOf(Book.input())).toEqual({
    type: 'object',
    properties: {
      title: { type: 'string', maxLength: 9 },
      at: { type: ['string', 'null'], format: 'date-time' },
      size,
      secret: { type: 'string' },
      tags,
    },
    required: ['title', 'secret'],
    additionalProperties: false,
  })
  expect(jsonSchemaOf(z.object({ book: Book.patch('size', 'tags') }))).toEqual({
    type: 'object',
    properties: {
      book: {
        type: 'object',
        properties: {
          size,
          tags: {
            anyOf: [tags, { type: 'object', properties: { add: tags, remove: tags }, additionalProperties: false }],
          },
        },
        additionalProperties: false,
      },
    },
    required: ['book'],
  })
  expect(Book.jsonSchema()).toEqual({
    type: 'object',
    properties: {
      id: { type: 'string', format: 'uuid' },
      title: { type: 'string', maxLength: 9 },
      at: { type: ['string', 'null'], format: 'date-time' },
      size,
      hidden: { type: 'string' },
      shelf: { type: 'string' },
      createdAt: { type: 'string', format: 'date-time' },
    },
    required: ['id', 'title', 'at', 'size', 'hidden', 'shelf', 'createdAt'],
    additionalProperties: false,
  })
  const standard = Book.input()['~standard'] as unknown as { jsonSchema: Record<string, (to: object) => object> }
  expect(standard.jsonSchema.input!({ target: 'draft-2020-12' })).toEqual(jsonSchemaOf(Book.input()))
})

test('a document with a schema is described as it comes and as it is kept', () => {
  const field = t.json(
    z.object({ n: z.string().transform(Number).pipe(z.number()), tags: z.array(z.string()).default([]) }),
  )
  expect(fieldJsonSchema(field)).toMatchObject({ properties: { n: { type: 'string' } }, required: ['n'] })
  expect(fieldJsonSchema(field, 'output')).toMatchObject({
    properties: { n: { type: 'number' } },
    required: ['n', 'tags'],
  })
})

test('any library with Standard JSON Schema is asked; one without is refused', () => {
  const schema = (jsonSchema?: object) => ({
    '~standard': { version: 1 as const, vendor: 'other', validate: (value: unknown) => ({ value }), jsonSchema },
  })
  const asked: unknown[] = []
  const answer = (direction: string) => (options: unknown) => {
    asked.push([direction, options])
    return { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'string' }
  }
  const other = schema({ input: answer('input'), output: answer('output') })
  expect(jsonSchemaOf(other)).toEqual({ type: 'string' })
  expect(jsonSchemaOf(other, 'output')).toEqual({ type: 'string' })
  expect(asked).toEqual([
    ['input', { target: 'draft-2020-12' }],
    ['output', { target: 'draft-2020-12' }],
  ])
  expect(() => jsonSchemaOf(schema())).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
})
