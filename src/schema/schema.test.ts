import { expect, test } from 'vitest'
import { type AnyModel, checkSchema, isOwn, model, Schema, t } from './index.ts'

const invalid = (detail: string) =>
  expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining(detail) })

function check(...models: AnyModel[]): Schema {
  const schema = new Schema(models)
  checkSchema(schema)
  return schema
}

function relationsOf(schema: Schema, of: AnyModel) {
  return Object.fromEntries(
    [...schema.relations(of).values()].map((relation) => [
      relation.name,
      {
        to: relation.to.name,
        many: relation.many,
        nullable: relation.nullable,
        via: relation.via,
        own: isOwn(relation),
      },
    ]),
  )
}

const User = model('user', {
  id: t.id(),
  get following() {
    return t.manyToMany(User, { inverse: 'followers' })
  },
  get favourite() {
    return t.ref(Post, { inverse: 'favouriteOf' }).nullable().onDelete('set null')
  },
})
const Post = model('post', {
  id: t.serial(),
  get author() {
    return t.ref(User, { inverse: 'posts' })
  },
  get parent() {
    return t.ref(Post, { inverse: 'children' }).nullable()
  },
  get tags() {
    return t.manyToMany(Tag, { inverse: 'posts' })
  },
  get cover() {
    return t.ref(Tag, { inverse: 'covers' }).unique()
  },
  get reviewer() {
    return t.ref(User)
  },
})
const Tag = model('tag', { id: t.id() })

test('models that refer to each other and to themselves know every way in both directions', () => {
  const schema = check(User, Post, Tag)
  expect(relationsOf(schema, User)).toEqual({
    following: {
      to: 'user',
      many: true,
      nullable: false,
      own: true,
      via: { kind: 'link', table: 'user_following', near: 'user', far: 'user_following' },
    },
    followers: {
      to: 'user',
      many: true,
      nullable: true,
      own: false,
      via: { kind: 'link', table: 'user_following', near: 'user_following', far: 'user' },
    },
    favourite: { to: 'post', many: false, nullable: true, own: true, via: { kind: 'ref', field: 'favourite' } },
    posts: { to: 'post', many: true, nullable: true, own: false, via: { kind: 'inverse', field: 'author' } },
  })
  expect(relationsOf(schema, Post)).toEqual({
    favouriteOf: { to: 'user', many: true, nullable: true, own: false, via: { kind: 'inverse', field: 'favourite' } },
    author: { to: 'user', many: false, nullable: false, own: true, via: { kind: 'ref', field: 'author' } },
    parent: { to: 'post', many: false, nullable: true, own: true, via: { kind: 'ref', field: 'parent' } },
    children: { to: 'post', many: true, nullable: true, own: false, via: { kind: 'inverse', field: 'parent' } },
    tags: {
      to: 'tag',
      many: true,
      nullable: false,
      own: true,
      via: { kind: 'link', table: 'post_tags', near: 'post', far: 'tag' },
    },
    cover: { to: 'tag', many: false, nullable: false, own: true, via: { kind: 'ref', field: 'cover' } },
    reviewer: { to: 'user', many: false, nullable: false, own: true, via: { kind: 'ref', field: 'reviewer' } },
  })
  expect(relationsOf(schema, Tag)).toEqual({
    posts: {
      to: 'post',
      many: true,
      nullable: true,
      own: false,
      via: { kind: 'link', table: 'post_tags', near: 'tag', far: 'post' },
    },
    covers: { to: 'post', many: false, nullable: true, own: false, via: { kind: 'inverse', field: 'cover' } },
  })
})

test('a model that was not defined has no relations, even under the name of one that was', () => {
  const schema = check(User, Post, Tag)
  for (const stranger of [model('other', { id: t.id() }), model('tag', { id: t.id() })]) {
    expect(() => schema.relations(stranger)).toThrow(invalid('is not in define({ models })'))
  }
})

test('tables come after the tables that they refer to, links last', () => {
  const Line = model('line', { id: t.id(), order: t.ref(model('later', { id: t.id() })) })
  const Later = Line.fields.get('order')!.options.target!
  const Linked = model('linked', { id: t.id(), lines: t.manyToMany(Line) })
  expect(check(Linked, Line, Later).tables.map(({ name }) => name)).toEqual(['linked', 'later', 'line', 'linked_lines'])
  expect(check(User, Post, Tag).tables.map(({ name }) => name)).toEqual([
    'tag',
    'post',
    'user',
    'user_following',
    'post_tags',
  ])
})

const id = { id: t.id() }
const Plain = model('plain', id)
const Composite = model('composite', { a: t.text(), b: t.text() }, { key: ['a', 'b'] })
const other = (fields: object, options = {}) => model('other', { ...id, ...fields }, options)

test.each<[string, string, () => AnyModel[]]>([
  ['two models of one name', 'Two models are called plain', () => [Plain, model('plain', id)]],
  ['names that differ in case only', 'would have the same name', () => [Plain, model('Plain', id)]],
  ["a name of Monobloc's own", 'are reserved', () => [model('monobloc_log', id)]],
  ["a name of the database's own", 'are reserved', () => [model('SQLite_x', id)]],
  [
    'a link table that is a model too',
    'same name',
    () => [Plain, other({ links: t.manyToMany(Plain) }), model('other_links', id)],
  ],
  [
    'a link table of a name too long',
    'over 58 characters',
    () => [Plain, model('m'.repeat(30), { ...id, ['l'.repeat(28)]: t.manyToMany(Plain) })],
  ],
  ['a target that is not defined', 'which is not in define({ models })', () => [other({ plain: t.ref(Plain) })]],
  [
    'a target of the same name as one that is',
    'which is not in define({ models })',
    () => [model('plain', id), other({ plain: t.ref(Plain) })],
  ],
  ['a reference to a composite key', 'has a composite key', () => [Composite, other({ to: t.ref(Composite) })]],
  ['links to a composite key', 'has a composite key', () => [Composite, other({ to: t.manyToMany(Composite) })]],
  [
    'links from a composite key',
    'has a composite key',
    () => [Plain, model('other', { a: t.text(), b: t.text(), to: t.manyToMany(Plain) }, { key: ['a', 'b'] })],
  ],
  ["set null where null can't be", 'is not nullable', () => [Plain, other({ to: t.ref(Plain).onDelete('set null') })]],
  ['no key', 'needs one id or serial field', () => [model('m', { a: t.text() })]],
  ['an empty key', 'has an empty key', () => [model('m', id, { key: [] })]],
  ['a key that is no field', 'is not a field', () => [model('m', id, { key: ['toString' as 'id'] })]],
  ['a key with a field twice', 'twice in the key', () => [model('m', id, { key: ['id', 'id'] })]],
  ['a nullable key', 'it is nullable', () => [model('m', { a: t.text().nullable() }, { key: ['a'] })]],
  ['a hidden key', 'it is write-only', () => [model('m', { a: t.text().writeOnly() }, { key: ['a'] })]],
  ['a key of links', 'is no column', () => [Plain, model('m', { a: t.manyToMany(Plain) }, { key: ['a'] })]],
  ['a key of json', 'does not identify a row', () => [model('m', { a: t.json() }, { key: ['a'] })]],
  ['a key of floats', 'does not identify a row', () => [model('m', { a: t.float() }, { key: ['a'] })]],
  ['a key of bytes', 'does not identify a row', () => [model('m', { a: t.bytes() }, { key: ['a'] })]],
  [
    'a serial beside the key',
    'counts only keys of one field',
    () => [model('m', { ...id, n: t.serial() }, { key: ['id'] })],
  ],
  [
    'a serial in a composite key',
    'counts only',
    () => [model('m', { a: t.text(), n: t.serial() }, { key: ['a', 'n'] })],
  ],
  ['an inverse called like a field', 'declared twice', () => [Plain, other({ to: t.ref(Plain, { inverse: 'id' }) })]],
  [
    'two inverses of one name',
    'declared twice',
    () => [Plain, other({ to: t.ref(Plain, { inverse: 'x' }), too: t.ref(Plain, { inverse: 'x' }) })],
  ],
  [
    'an inverse called like a reference',
    'declared twice',
    () => {
      const A = model('a', {
        ...id,
        get b() {
          return t.ref(B)
        },
      })
      const B: AnyModel = model('b', {
        ...id,
        get a() {
          return t.ref(A, { inverse: 'b' })
        },
      })
      return [B, A]
    },
  ],
  ...['', 'and', '__proto__', 'a b', 'constructor'].map((name): [string, string, () => AnyModel[]] => [
    `an inverse called "${name}"`,
    "can't name an inverse",
    () => [Plain, other({ to: t.ref(Plain, { inverse: name }) })],
  ]),
])('refused: %s', (_, detail, models) => {
  expect(() => check(...models())).toThrow(invalid(detail))
})

test('a key that refers to itself, alone or through another, is refused', () => {
  const Ring: AnyModel = model(
    'ring',
    {
      get id() {
        return t.ref(Ring)
      },
    },
    { key: ['id'] },
  )
  expect(() => check(Ring)).toThrow(invalid('refers to itself'))
  const A: AnyModel = model(
    'a',
    {
      get b() {
        return t.ref(B)
      },
    },
    { key: ['b'] },
  )
  const B: AnyModel = model(
    'b',
    {
      get a() {
        return t.ref(A)
      },
    },
    { key: ['a'] },
  )
  expect(() => check(A, B)).toThrow(invalid('refers to itself'))
})

test('a key may be a reference, and others may refer to it', () => {
  const Profile = model('profile', { plain: t.ref(Plain, { inverse: 'profile' }).unique() }, { key: ['plain'] })
  const Photo = model('photo', { ...id, profile: t.ref(Profile) })
  const schema = check(Plain, Profile, Photo)
  expect(schema.tables.find(({ name }) => name === 'photo')!.columns[1]).toMatchObject({
    name: 'profile',
    type: { type: 'uuid' },
  })
  expect(schema.relation(Plain, 'profile')).toMatchObject({ many: false, nullable: true })
})

test.each<[string, string, () => AnyModel[]]>([
  ['an index of nothing', 'needs fields', () => [model('m', id, { indexes: [[]] })]],
  ['an index of a field twice', 'each once', () => [model('m', id, { indexes: [['id', 'id']] })]],
  ['an index of no field', 'is no column', () => [model('m', id, { indexes: [['toString' as 'id']] })]],
  ['an index of links', 'is no column', () => [Plain, other({ to: t.manyToMany(Plain) }, { indexes: [['to']] })]],
  ['an index of a whole document', 'which place', () => [other({ data: t.json() }, { indexes: [['data']] })]],
  [
    'an index of a place in no document',
    'no place',
    () => [other({ data: t.text() }, { indexes: [{ fields: ['data.a'] }] })],
  ],
  ['an index of no place', 'no place', () => [other({ data: t.json() }, { indexes: [{ fields: ['data.'] }] })]],
  [
    'a partial index of an unknown field',
    'is not a field',
    () => [other({}, { indexes: [{ fields: ['id'], where: { x: 1 } }] })],
  ],
  [
    'a partial index that looks elsewhere',
    'looks at other rows',
    () => [
      Plain,
      other({ to: t.ref(Plain) }, { indexes: [{ fields: ['id'], where: { to: { not: { id: { null: true } } } } }] }),
    ],
  ],
  ['a check of an unknown field', 'is not a field', () => [other({}, { checks: { right: { x: 1 } } })]],
  [
    'a check with undefined',
    'holds undefined',
    () => [other({ n: t.integer() }, { checks: { right: { n: undefined } } })],
  ],
  ['a check of a wrong type', 'must be a whole number', () => [other({ n: t.integer().check({ gte: 'a' }) })]],
  ['a check by no operator', 'is not an operator', () => [other({ n: t.integer().check({ positive: true }) })]],
  [
    'a check of a name that is none',
    "can't name a check",
    () => [other({ n: t.integer() }, { checks: { 'a"b': { n: 1 } } })],
  ],
  ['search in no field', "can't be searched", () => [other({}, { search: ['x'] })]],
  ['search in a number', "can't be searched", () => [other({ n: t.integer() }, { search: ['n'] })]],
  [
    'search in what nobody may read',
    "can't be searched",
    () => [other({ s: t.text().writeOnly() }, { search: ['s'] })],
  ],
  ['a default out of bounds', 'must have at most 1 character', () => [other({ s: t.text().max(1).default('ab') })]],
  ['a default of another type', 'must be a whole number', () => [other({ n: t.integer().default('1' as never) })]],
  ['a null where none can be', 'must not be null', () => [other({ n: t.integer().default(null as never) })]],
  ['a default that is kept otherwise', 'must be written "1.00"', () => [other({ n: t.decimal(5, 2).default('1') })]],
  ['a default that would be trimmed', 'must be written', () => [other({ n: t.text().trim().default(' a') })]],
  ['a default that is no key', 'must be a UUID', () => [Plain, other({ to: t.ref(Plain).default('x') })]],
  ['an enum without values', 'at least one value', () => [other({ e: (t.enum as () => never)() })]],
  ['an enum with a value twice', 'all of them different', () => [other({ e: t.enum('a', 'a') })]],
  ['an enum with what no engine holds', 'different texts', () => [other({ e: t.enum('a\0') })]],
  ['two versions', 'more than one t.version()', () => [other({ a: t.version(), b: t.version() })]],
])('refused: %s', (_, detail, models) => {
  expect(() => check(...models())).toThrow(invalid(detail))
})

test('what is right is taken', () => {
  check(
    Plain,
    model(
      'right',
      {
        ...id,
        state: t.enum('open', 'done').default('open'),
        price: t.decimal(10, 2).default('0.00').check({ gte: 0 }),
        at: t.timestamp().default(new Date(0)).nullable(),
        data: t.json().default({ a: [1] }),
        raw: t.bytes().default(new Uint8Array([1])),
        big: t.bigint().default(5n),
        note: t.text().nullable().default(null).check({ ne: '' }),
        secret: t.text().writeOnly().check({ startsWith: '$' }),
        title: t.text(),
        to: t.ref(Plain).nullable(),
      },
      {
        indexes: [
          ['state', 'price'],
          { fields: ['data.address.city', 'title'] },
          { fields: ['data.items[0]'], unique: true },
          { fields: ['title'], unique: true, where: { state: 'open', note: { ne: null } } },
          { fields: ['title'], where: { state: 'done' } },
        ],
        checks: { priced: { or: [{ state: 'open' }, { price: { gt: 0 } }] } },
        search: ['title', 'note'],
      },
    ),
  )
})
