import { expect, test } from 'vitest'
import { z } from 'zod'
import { type AnyModel, model, t, violationsOf } from './index.ts'

const invalid = (detail: string) =>
  expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining(detail) })

test('a name has a letter, then at most 57 letters, digits and underscores', () => {
  for (const name of ['a', 'A1_b', 'a'.repeat(58)]) expect(model(name, { id: t.id() }).name).toBe(name)
  const wrong = [
    '',
    '1a',
    '_a',
    'a-b',
    'a b',
    'ä',
    'a.b',
    'a"b',
    'a'.repeat(59),
    'constructor',
    'prototype',
    '__proto__',
    'and',
    'where',
    'a\n',
  ]
  for (const name of wrong) {
    expect(() => model(name, { id: t.id() })).toThrow(invalid("can't name a model"))
    if (name === '__proto__') continue
    expect(() => model('m', { id: t.id(), [name]: t.text() }).fields).toThrow(invalid("can't name a field"))
  }
  expect(() => model('m', { id: t.id(), ['__proto__']: t.text() }).fields).toThrow(invalid("can't name a field"))
})

test('what every object or every table has from birth names no field', () => {
  for (const name of ['toString', 'hasOwnProperty', 'valueOf', 'isPrototypeOf', 'rowid', 'OID', 'ctid', 'xmin']) {
    expect(() => model('m', { id: t.id(), [name]: t.text() }).fields).toThrow(invalid("can't name a field"))
  }
  expect(model('oid', { id: t.id() }).name).toBe('oid')
  expect(() => model('toString', { id: t.id() })).toThrow(invalid("can't name a model"))
})

test('two fields may not differ in case only', () => {
  expect(() => model('m', { id: t.id(), name: t.text(), Name: t.text() }).fields).toThrow(invalid('in case only'))
})

test('what is no field is refused by its name', () => {
  expect(() => model('m', { id: t.id(), size: 3 }).fields).toThrow(invalid('m.size is not a field'))
  expect(() => model('m', { id: t.id(), size: t.text }).fields).toThrow(invalid('m.size is not a field'))
})

test('getters are read once, and not before the fields are asked for', () => {
  let read = 0
  const Post = model('post', {
    id: t.id(),
    get user() {
      read++
      return t.ref(User)
    },
  })
  const User: AnyModel = model('user', { id: t.id() })
  expect(read).toBe(0)
  expect(Post.fields.get('user')!.options.target).toBe(User)
  expect(Post.fields).toBe(Post.fields)
  expect(read).toBe(1)
})

test('the key is the one id or serial, or what the options say', () => {
  expect(model('m', { id: t.id() }).key).toEqual(['id'])
  expect(model('m', { name: t.text(), number: t.serial() }).key).toEqual(['number'])
  expect(model('m', { a: t.text(), b: t.text() }, { key: ['b', 'a'] }).key).toEqual(['b', 'a'])
  expect(() => model('m', { name: t.text() }).key).toThrow(invalid('needs one id or serial field'))
  expect(() => model('m', { a: t.id(), b: t.id() }).key).toThrow(invalid('needs one id or serial field'))
})

const Book = model('book', {
  id: t.id(),
  title: t.text().trim().min(1),
  size: t.integer().default(1),
  note: t.text().nullable(),
  secret: t.text().nullable().writeOnly(),
  rank: t.integer().readOnly(),
  get others() {
    return t.manyToMany(Book)
  },
  label: t.virtual(z.string(), (row) => row.title),
  createdAt: t.createdAt(),
  updatedAt: t.updatedAt(),
  version: t.version(),
})

const codes = (validator: z.ZodType, input: unknown) => {
  const result = validator.safeParse(input)
  return result.success
    ? result.data
    : violationsOf(result.error.issues).map(({ path, code }) => `${path.join('.')}: ${code}`)
}

test('an input takes what a user may give, and neither fills in nor drops anything', () => {
  expect(codes(Book.input(), { title: ' a ' })).toEqual({ title: 'a' })
  expect(codes(Book.input(), { title: 'a', size: 2, note: null, secret: 's', others: [] })).toEqual({
    title: 'a',
    size: 2,
    note: null,
    secret: 's',
    others: [],
  })
  expect(codes(Book.input(), {})).toEqual(['title: required'])
  expect(codes(Book.input(), { title: '', size: null, others: null })).toEqual([
    'title: too_small',
    'size: invalid_type',
    'others: invalid_type',
  ])
})

test('what the system sets, and what does not exist, is unknown to an input', () => {
  const hostile = JSON.parse(
    '{"id":1,"rank":1,"label":"","createdAt":"","updatedAt":"","version":1,"__proto__":{},"constructor":1,"toString":1,"x":1}',
  )
  const names = [
    'id',
    'rank',
    'label',
    'createdAt',
    'updatedAt',
    'version',
    '__proto__',
    'constructor',
    'toString',
    'x',
  ]
  for (const validator of [Book.patch(), Book.input('note')]) {
    expect(codes(validator, hostile)).toEqual(names.map((name) => `${name}: unknown_field`))
  }
})

test('an input that is no object is refused as a whole', () => {
  for (const input of [null, [], 'a', 1]) expect(codes(Book.patch(), input)).toEqual([': invalid_type'])
  expect(codes(Book.patch(), undefined)).toEqual([': required'])
})

test('a patch takes any of the fields, each valid, and links that come and go', () => {
  const key = '0199d7a2-5b6e-7abc-8def-0123456789ab'
  expect(codes(Book.patch(), {})).toEqual({})
  expect(codes(Book.patch(), { title: ' b ', note: null })).toEqual({ title: 'b', note: null })
  expect(codes(Book.patch(), { title: null })).toEqual(['title: invalid_type'])
  for (const others of [[], [key], {}, { add: [key] }, { remove: [key] }, { add: [], remove: [key] }]) {
    expect(codes(Book.patch(), { others })).toEqual({ others })
  }
  expect(codes(Book.patch(), { others: { add: ['x', key], remove: key, set: [] } })).toEqual([
    'others.add.0: invalid_type',
    'others.remove: invalid_type',
    'others.set: unknown_field',
  ])
  expect(codes(Book.patch(), { others: { add: [key], remove: [key] } })).toEqual(['others: duplicate'])
  expect(codes(Book.patch(), { others: null })).toEqual(['others: invalid_type'])
  expect(codes(Book.input(), { title: 'a', others: { add: [key] } })).toEqual(['others: invalid_type'])
})

test('named fields are picked; a name that a user may not give is a mistake of the code', () => {
  expect(codes(Book.input('note', 'size'), { note: 'a' })).toEqual({ note: 'a' })
  expect(codes(Book.input('note'), { note: 'a', title: 'b' })).toEqual(['title: unknown_field'])
  expect(codes(Book.patch('note'), { title: 'b' })).toEqual(['title: unknown_field'])
  expect(Book.input('note')).toBe(Book.input('note'))
  for (const name of ['id', 'rank', 'label', 'version', 'nothing', 'constructor']) {
    expect(() => Book.input(name as never)).toThrow(invalid(`book.${name} is not a field that a user may give`))
    expect(() => Book.patch(name as never)).toThrow(invalid(`book.${name} is not a field that a user may give`))
  }
})

test('an input is a Zod object that others can be made of', () => {
  const nested = z.object({ book: Book.input('title') })
  expect(codes(nested, { book: { title: ' a ' } })).toEqual({ book: { title: 'a' } })
  expect(codes(nested, { book: {} })).toEqual(['book.title: required'])
  expect(codes(nested, {})).toEqual(['book: required'])
})
