import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Field } from './field.ts'
import { model, t } from './index.ts'

const Tag = model('tag', { id: t.id() })
const invalid = expect.objectContaining({ code: 'definition_invalid' })

const kinds: Record<string, () => Field<any>> = {
  id: t.id,
  serial: t.serial,
  text: t.text,
  email: t.email,
  url: t.url,
  slug: t.slug,
  integer: t.integer,
  bigint: t.bigint,
  decimal: () => t.decimal(5, 2),
  float: t.float,
  boolean: t.boolean,
  date: t.date,
  timestamp: t.timestamp,
  enum: () => t.enum('a'),
  json: () => t.json(),
  bytes: t.bytes,
  ref: () => t.ref(Tag),
  manyToMany: () => t.manyToMany(Tag),
  virtual: () => t.virtual(z.string(), () => ''),
}
const texts = ['text', 'email', 'url', 'slug']
const made = ['id', 'serial']
const far = ['manyToMany', 'virtual']
const allBut = (...names: string[]) => Object.keys(kinds).filter((name) => !names.includes(name))

const modifiers: Record<string, [allowed: string[], (field: any) => Field]> = {
  nullable: [allBut(...made, ...far), (field) => field.nullable()],
  default: [allBut(...made, ...far), (field) => field.default(() => 1)],
  unique: [allBut(...far, 'json'), (field) => field.unique()],
  check: [allBut(...far), (field) => field.check({ ne: 1 })],
  readOnly: [allBut(), (field) => field.readOnly()],
  writeOnly: [allBut(...made, ...far), (field) => field.writeOnly()],
  min: [
    [...texts, 'integer', 'bigint', 'decimal', 'float', 'bytes'],
    (field) => field.min(field.kind === 'decimal' ? '1' : 1),
  ],
  max: [
    [...texts, 'integer', 'bigint', 'decimal', 'float', 'bytes'],
    (field) => field.max(field.kind === 'decimal' ? '1' : 1),
  ],
  pattern: [texts, (field) => field.pattern(/a/)],
  trim: [texts, (field) => field.trim()],
  lowerCase: [texts, (field) => field.lowerCase()],
  html: [['text'], (field) => field.html()],
  onDelete: [['ref'], (field) => field.onDelete('cascade')],
}

test.each(Object.entries(modifiers))('.%s() goes with the kinds it makes sense for', (_, [allowed, apply]) => {
  const taken = Object.entries(kinds).filter(([, make]) => {
    try {
      apply(make())
      return true
    } catch (error) {
      expect(error).toEqual(invalid)
      return false
    }
  })
  expect(taken.map(([name]) => name)).toEqual(Object.keys(kinds).filter((name) => allowed.includes(name)))
})

test('what Monobloc sets by itself takes no null and no default', () => {
  for (const make of [t.createdAt, t.updatedAt, t.version]) {
    expect(() => (make() as Field<any>).nullable()).toThrow(invalid)
    expect(() => (make() as Field<any>).default(() => 1)).toThrow(invalid)
    expect(make().options).toMatchObject({ readOnly: true })
  }
})

test('a modifier makes a new field and leaves the old one as it was', () => {
  const before = t.text()
  const after = before.min(1).check({ ne: 'a' }).check({ ne: 'b' }).unique().readOnly().writeOnly()
  expect(before.options).toMatchObject({ min: undefined, checks: [], unique: false, readOnly: false, writeOnly: false })
  expect(after.options).toMatchObject({
    min: 1,
    checks: [{ ne: 'a' }, { ne: 'b' }],
    unique: true,
    readOnly: true,
    writeOnly: true,
  })
})

test('a default is a constant, or a function that is called for each insert', () => {
  expect(t.integer().default(1).options.default).toEqual({ value: 1 })
  const make = () => 2
  expect(t.integer().default(make).options.default).toEqual({ make })
})

test.each<[string, () => unknown]>([
  ['a length below zero', () => t.text().min(-1)],
  ['a part of a character', () => t.text().max(1.5)],
  ['a part of a byte', () => t.bytes().max(0.5)],
  ['no number', () => t.float().min(Number.NaN)],
  ['no end', () => t.float().max(Number.POSITIVE_INFINITY)],
  ['a part of a whole number', () => t.integer().min(0.5)],
  ['a number that is not exact', () => t.integer().max(2 ** 53)],
  ['more than 64 bits', () => t.bigint().max(2n ** 63n)],
  ['more digits than the scale', () => t.decimal(5, 2).min('0.001')],
  ['more digits than the column', () => t.decimal(5, 2).max('1000')],
  ['no decimal', () => t.decimal(5, 2).max('ten')],
  ['a least above the greatest', () => t.integer().min(2).max(1)],
  ['a greatest below the least', () => t.decimal(5, 2).max('9.99').min('10')],
])('a bound can be no bound: %s', (_, make) => {
  expect(make).toThrow(invalid)
})

test('bounds may be at the edges, and equal', () => {
  t.text().min(0).max(0)
  t.integer()
    .min(-(2 ** 53) + 1)
    .max(2 ** 53 - 1)
  t.bigint()
    .min(-(2n ** 63n))
    .max(2n ** 63n - 1n)
  t.decimal(5, 2).min('-999.99').max('999.99')
  t.decimal(5, 2).min('9.5').max('9.50')
})
