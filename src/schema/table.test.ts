import { expect, test } from 'vitest'
import { type AnyModel, model, Schema, t } from './index.ts'
import { indexName } from './index-name.ts'

const User = model('user', { id: t.serial(), name: t.text().unique(), secret: t.text().writeOnly().nullable() })
const Post = model(
  'post',
  {
    id: t.id(),
    author: t.ref(User).onDelete('cascade'),
    editor: t.ref(User).nullable().onDelete('set null'),
    slug: t.ref(User).unique(),
    price: t.decimal(10, 2).default('1.00').check({ gte: 0 }).check({ lt: 100 }),
    data: t.json().nullable(),
    made: t.integer().default(() => 1),
    tags: t.manyToMany(User),
    size: t.virtual({ '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } }, () => 1),
  },
  {
    indexes: [
      ['author', 'price'],
      { fields: ['data.a.b'] },
      { fields: ['price'], where: { price: { gt: 1 } } },
      { fields: ['price'], where: { price: { lt: 1 } } },
      { fields: ['price', 'made'], unique: true },
    ],
    checks: { cheap: { price: { lt: 50 } } },
    search: [],
  },
)
const table = (name: string, ...models: AnyModel[]) => new Schema(models).tables.find((one) => one.name === name)!

test('columns are the stored fields, in order, of the type that they hold', () => {
  expect(table('post', User, Post).columns).toEqual([
    { name: 'id', type: { type: 'uuid' }, nullable: false, default: undefined, secret: false },
    { name: 'author', type: { type: 'integer' }, nullable: false, default: undefined, secret: false },
    { name: 'editor', type: { type: 'integer' }, nullable: true, default: undefined, secret: false },
    { name: 'slug', type: { type: 'integer' }, nullable: false, default: undefined, secret: false },
    {
      name: 'price',
      type: { type: 'decimal', precision: 10, scale: 2 },
      nullable: false,
      default: { value: '1.00' },
      secret: false,
    },
    { name: 'data', type: { type: 'json' }, nullable: true, default: undefined, secret: false },
    { name: 'made', type: { type: 'integer' }, nullable: false, default: undefined, secret: false },
  ])
  expect(table('user', User, Post).columns.map(({ name, type, secret }) => [name, type.type, secret])).toEqual([
    ['id', 'serial', false],
    ['name', 'text', false],
    ['secret', 'text', true],
  ])
})

test('references say what happens on delete; each is found by an index', () => {
  const { references, indexes } = table('post', User, Post)
  expect(references).toEqual([
    { column: 'author', table: 'user', to: 'id', onDelete: 'cascade' },
    { column: 'editor', table: 'user', to: 'id', onDelete: 'set null' },
    { column: 'slug', table: 'user', to: 'id', onDelete: 'restrict' },
  ])
  expect(indexes).toEqual([
    { name: 'post-author-price-index', fields: ['author', 'price'], unique: false, where: undefined },
    { name: 'post-data.a.b-index', fields: ['data.a.b'], unique: false, where: undefined },
    { name: 'post-price-index-where', fields: ['price'], unique: false, where: { price: { gt: 1 } } },
    { name: 'post-price-index-where-2', fields: ['price'], unique: false, where: { price: { lt: 1 } } },
    { name: 'post-price-made-unique', fields: ['price', 'made'], unique: true, where: undefined },
    { name: 'post-editor-index', fields: ['editor'], unique: false, where: undefined },
    { name: 'post-slug-unique', fields: ['slug'], unique: true, where: undefined },
  ])
})

test("a check of a field carries the field; the model's own are named as they were", () => {
  expect(table('post', User, Post).checks).toEqual([
    { name: 'cheap', filter: { price: { lt: 50 } } },
    { name: 'post_price_check', field: 'price', filter: { price: { gte: 0 } } },
    { name: 'post_price_check1', field: 'price', filter: { price: { lt: 100 } } },
  ])
})

test('a link table holds the two keys and is found from both sides', () => {
  expect(table('post_tags', User, Post)).toEqual({
    name: 'post_tags',
    model: undefined,
    columns: [
      { name: 'post', type: { type: 'uuid' }, nullable: false, default: undefined, secret: false, renamedFrom: 'post' },
      {
        name: 'user',
        type: { type: 'integer' },
        nullable: false,
        default: undefined,
        secret: false,
        renamedFrom: 'user',
      },
    ],
    key: ['post', 'user'],
    indexes: [{ name: 'post_tags-user-index', fields: ['user', 'post'], unique: false, where: undefined }],
    references: [
      { column: 'post', table: 'post', to: 'id', onDelete: 'cascade' },
      { column: 'user', table: 'user', to: 'id', onDelete: 'cascade' },
    ],
    checks: [],
    search: [],
    renamedFrom: 'post_tags',
    logged: true,
  })
})

test("records of Monobloc's own are tables that nobody follows", () => {
  const Own = model('monobloc_thing', { id: t.id() })
  const schema = new Schema([User], [Own])
  expect(schema.tables.map(({ name, logged }) => [name, logged])).toEqual([
    ['user', true],
    ['monobloc_thing', false],
  ])
})

test('a composite key finds what its first field refers to', () => {
  const Like = model('like', { user: t.ref(User), post: t.ref(Post) }, { key: ['user', 'post'] })
  const { key, indexes } = table('like', User, Post, Like)
  expect(key).toEqual(['user', 'post'])
  expect(indexes.map(({ name }) => name)).toEqual(['like-post-index'])
})

test('names of indexes have at most 63 bytes and stay different', () => {
  const at63 = indexName('a'.repeat(30), ['b'.repeat(26)], 'index')
  expect(at63).toBe(`${'a'.repeat(30)}-${'b'.repeat(26)}-index`)
  expect(at63).toHaveLength(63)
  const longer = ['b'.repeat(27), 'b'.repeat(28)].map((field) => indexName('a'.repeat(30), [field], 'index'))
  expect(longer.map((name) => name.length)).toEqual([63, 63])
  expect(new Set(longer).size).toBe(2)
  expect(indexName('m', ['data.first name'], 'index')).toBe('m-data.first_name-index')
})

test('a model whose rows are deleted softly is unique among the others, and finds the deleted by when', () => {
  const Page = model(
    'page',
    { id: t.id(), slug: t.slug().unique(), of: t.ref(User).unique(), deletedAt: t.deletedAt() },
    { indexes: [['of', 'slug'], { fields: ['slug', 'of'], unique: true, where: { slug: { ne: 'x' } } }] },
  )
  const live = { deletedAt: null }
  expect(table('page', User, Page).indexes.map(({ name, unique, where }) => [name, unique, where])).toEqual([
    ['page-of-slug-index', false, undefined],
    ['page-slug-of-unique-where', true, { ...live, slug: { ne: 'x' } }],
    ['page-slug-unique', true, live],
    ['page-of-unique', true, live],
    ['page-deletedAt-index-where', false, { deletedAt: { null: false } }],
  ])
})
