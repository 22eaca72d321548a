import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type AnyModel, model, t, violationsOf } from '../../src/schema/index.ts'
import { engine } from './engine.ts'
import { open, openUnits, type UnitFixture } from './unit-fixture.ts'

// What a model declares, held by the database: written through units of work, and past them by raw SQL.

let fixture: UnitFixture<any>
afterEach(() => fixture.close())

const openModels = async (...models: AnyModel[]) => {
  fixture = await openUnits<any>(open(Object.fromEntries(models.map((one) => [one.name, one]))))
}
const write = (work: (db: any) => Promise<any>): Promise<any> => fixture.write('system', work)
const insert = (of: AnyModel, input: object | object[]) => write((db) => db.insert(of, input))
const violation = (code: string, ...paths: string[]) =>
  expect.objectContaining({ code, violations: paths.map((name) => expect.objectContaining({ path: [name] })) })

describe('a check', () => {
  const Item = model(
    'item',
    {
      id: t.serial(),
      price: t.decimal(6, 2).check({ gte: 0 }).check({ lt: 100 }),
      old: t.decimal(6, 2).nullable().check({ gt: 1 }),
      state: t.enum('open', 'done').default('open'),
      code: t.text().nullable().writeOnly().check({ startsWith: '$' }),
      day: t
        .date()
        .nullable()
        .check({ between: ['2026-01-01', '2026-12-31'] }),
    },
    {
      checks: { worthDoing: { or: [{ state: 'open' }, { price: { gt: 5 } }] }, dearer: { not: { price: { eq: 13 } } } },
    },
  )
  const refused = (path: string, name: string) => ({
    code: 'check_violation',
    status: 422,
    violations: [{ path: [path], code: 'check', message: expect.stringContaining(name) }],
  })

  const wrong = (path: string, message: string) => ({
    code: 'validation_failed',
    violations: [{ path: [path], code: 'check', message }],
  })

  test('of a field is listed with everything else that is wrong, in input and in writes', async () => {
    await openModels(Item)
    const input = { price: '100', old: '0.5', code: 'a', day: '1999-01-01', state: 'lost', nope: 1 } as never
    const codes = ['price check', 'old check', 'code check', 'day check', 'state invalid_value', 'nope unknown_field']
    const result = await Item.input()['~standard'].validate(input)
    const listed = violationsOf(result.issues!, [], input)
    expect(listed.map(({ path, code }) => `${path.join('.')} ${code}`).sort()).toEqual(codes.sort())
    const { nope, ...known } = input as { nope: number }
    const error = await insert(Item, known as never).catch((thrown) => thrown)
    expect(error.violations.map(({ code }: { code: string }) => code).sort()).toEqual([
      ...Array(4).fill('check'),
      'invalid_value',
    ])
    const low = openModels(model('low', { id: t.id(), n: t.integer().check({ gt: 1 }).default(1) }))
    await expect(low).rejects.toThrow('default')
  })

  test('of a field holds at its edges, for null too where there may be null', async () => {
    await openModels(Item)
    for (const price of ['0', '99.99']) await insert(Item, { price, day: '2026-01-01' })
    await insert(Item, { price: '1', old: null, code: null, day: '2026-12-31' })
    await expect(insert(Item, { price: '-0.01' })).rejects.toMatchObject(wrong('price', 'must be at least 0'))
    await expect(insert(Item, { price: '100' })).rejects.toMatchObject(wrong('price', 'must be less than 100'))
    await expect(insert(Item, { price: '1', old: '1' })).rejects.toMatchObject(wrong('old', 'must be more than 1'))
    await expect(insert(Item, { price: '1', code: 'a' })).rejects.toMatchObject(wrong('code', 'must start with $'))
    await expect(insert(Item, { price: '1', day: '2027-01-01' })).rejects.toMatchObject(
      wrong('day', 'must be between 2026-01-01 and 2026-12-31'),
    )
    await expect(write((db) => db.update(Item, 1, { price: '100' }))).rejects.toMatchObject(
      wrong('price', 'must be less than 100'),
    )
    await expect(write((db) => db.update(Item, { where: {} }, { old: '0' }))).rejects.toMatchObject(
      wrong('old', 'must be more than 1'),
    )
  })

  test('of a model holds over its fields together', async () => {
    await openModels(Item)
    await insert(Item, { price: '5.01', state: 'done' })
    const { id } = await insert(Item, { price: '5', state: 'open' })
    await expect(write((db) => db.update(Item, id, { state: 'done' }))).rejects.toMatchObject({
      code: 'check_violation',
      violations: expect.arrayContaining([expect.objectContaining({ message: expect.stringContaining('worthDoing') })]),
    })
    await expect(insert(Item, { price: '13' })).rejects.toMatchObject(refused('price', 'dearer'))
  })

  test('holds for raw SQL', async () => {
    await openModels(Item)
    // Raw SQL meets what is stored: on SQLite units of the last digit, on PostgreSQL the decimal itself.
    const unit = engine.name === 'SQLite' ? 1 : 0.01
    const raw = (units: number) =>
      write((db) =>
        db.sql
          .insertInto('item')
          .values({ price: units * unit, state: 'open' })
          .execute(),
      )
    await raw(9999)
    await expect(raw(10_000)).rejects.toMatchObject({ code: 'check_violation' })
  })
})

describe('what is unique', () => {
  const Page = model(
    'page',
    {
      id: t.id(),
      slug: t.slug().unique(),
      alias: t.text().nullable().unique(),
      site: t.text(),
      number: t.integer(),
      state: t.enum('draft', 'live').default('draft'),
      data: t.json().nullable(),
    },
    {
      indexes: [
        { fields: ['site', 'number'], unique: true },
        { fields: ['site'], unique: true, where: { state: 'live' } },
        { fields: ['data.address.city'], unique: true },
      ],
    },
  )
  let made = 0
  const page = (change: object = {}) => ({ slug: `s-${++made}`, site: `site ${made}`, number: 1, ...change })

  test('is named by its fields, alone and together', async () => {
    await openModels(Page)
    await insert(Page, page({ slug: 'a', site: 'x' }))
    await expect(insert(Page, page({ slug: 'a' }))).rejects.toEqual(violation('unique_violation', 'slug'))
    await expect(insert(Page, page({ site: 'x' }))).rejects.toEqual(violation('unique_violation', 'site', 'number'))
    await insert(Page, page({ site: 'x', number: 2 }))
    const [one] = await insert(Page, [page({ alias: 'b' }), page({ alias: null }), page({ alias: null })])
    await expect(insert(Page, page({ alias: 'b' }))).rejects.toEqual(violation('unique_violation', 'alias'))
    await write((db) => db.update(Page, one.id, { alias: 'b' }))
  })

  test('holds among the rows of a partial index only', async () => {
    await openModels(Page)
    await insert(Page, [page({ site: 'x', number: 1 }), page({ site: 'x', number: 2 })])
    await insert(Page, page({ site: 'x', number: 3, state: 'live' }))
    await expect(insert(Page, page({ site: 'x', number: 4, state: 'live' }))).rejects.toMatchObject({
      code: 'unique_violation',
    })
    await expect(write((db) => db.update(Page, { where: { number: 1 } }, { state: 'live' }))).rejects.toMatchObject({
      code: 'unique_violation',
    })
  })

  test('holds at a place in a document', async () => {
    await openModels(Page)
    const at = (city: unknown) => page({ data: { address: { city } } })
    await insert(Page, [at('Paris'), at('Rome'), page({ data: {} }), page({ data: {} }), page({ data: null })])
    await expect(insert(Page, at('Rome'))).rejects.toMatchObject({ code: 'unique_violation', subject: 'page' })
    const found = await fixture.read('system', (db) =>
      db.find(Page, { where: { data: { path: { 'address.city': 'Rome' } } } }),
    )
    expect(found).toHaveLength(1)
  })
})

describe('a reference', () => {
  const Owner = model('owner', { id: t.serial(), name: t.text() })
  const Pet = model('pet', {
    id: t.serial(),
    keeper: t.ref(Owner, { inverse: 'pets' }).onDelete('cascade'),
    friend: t.ref(Owner).nullable().onDelete('set null'),
    vet: t.ref(Owner).nullable(),
    licence: t.ref(Owner, { inverse: 'licensed' }).unique().nullable(),
    get parent() {
      return t.ref(Pet, { inverse: 'young' }).nullable().onDelete('cascade')
    },
  })

  test('leads to a row, and says which does not', async () => {
    await openModels(Owner, Pet)
    await insert(Owner, { name: 'a' })
    await expect(insert(Pet, { keeper: 2, vet: 3, friend: 1 })).rejects.toEqual(
      violation('reference_not_found', 'keeper', 'vet'),
    )
    const { id } = await insert(Pet, { keeper: 1 })
    await expect(write((db) => db.update(Pet, id, { friend: 9 }))).rejects.toEqual(
      violation('reference_not_found', 'friend'),
    )
  })

  test('does on delete what it says', async () => {
    await openModels(Owner, Pet)
    await insert(
      Owner,
      ['a', 'b', 'c', 'd'].map((name) => ({ name })),
    )
    await insert(Pet, [
      { keeper: 1, friend: 2, vet: 3 },
      { keeper: 4, parent: 1 },
    ])
    await write((db) => db.delete(Owner, 2))
    expect(await fixture.read('system', (db) => db.get(Pet, 1))).toMatchObject({ friend: null })
    await expect(write((db) => db.delete(Owner, 3))).rejects.toMatchObject({
      code: 'reference_in_use',
      subject: 'owner',
    })
    await write((db) => db.delete(Owner, 1))
    // The pet went with its keeper, and its young with it.
    expect(await fixture.read('system', (db) => db.count(Pet))).toBe(0)
    expect(
      (await fixture.log())
        .at(-1)!
        .entries.map(({ table, operation }) => `${operation} ${table}`)
        .sort(),
    ).toEqual(['delete owner', 'delete pet', 'delete pet'])
  })

  test('that is unique is one-to-one in both directions', async () => {
    await openModels(Owner, Pet)
    await insert(Owner, [{ name: 'a' }, { name: 'b' }])
    await insert(Pet, [{ keeper: 1, licence: 1 }, { keeper: 1 }, { keeper: 1 }])
    await expect(insert(Pet, { keeper: 1, licence: 1 })).rejects.toEqual(violation('unique_violation', 'licence'))
    const owners = await fixture.read<any>('system', (db) => db.find(Owner, { include: { licensed: true } }))
    expect(owners.map(({ licensed }: any) => licensed?.id ?? null)).toEqual([1, null])
  })
})

describe('values', () => {
  const Thing = model('thing', {
    id: t.serial(),
    text: t.text().trim().lowerCase().default('none'),
    html: t.text().html().default(''),
    big: t.bigint().default(0n),
    price: t.decimal(18, 9).default('0.000000000'),
    ratio: t.float().default(0),
    at: t.timestamp().nullable(),
    day: t.date().nullable(),
    data: t.json().nullable(),
    raw: t.bytes().nullable(),
    made: t.integer().default(() => 7),
    size: t.virtual(z.int(), (row) => row.text.length),
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
    version: t.version(),
  })

  test('come back as they went in, at the edges of their kinds', async () => {
    await openModels(Thing)
    const most = 2n ** 63n - 1n
    for (const [input, kept] of [
      [{ text: '  A 𝒳 ' }, { text: 'a 𝒳', size: 4 }],
      [{ text: "'; drop table thing; --" }, {}],
      [{ html: '<b onclick="x">y</b><script>z</script>' }, { html: '<b>y</b>' }],
      [{ big: most }, {}],
      [{ big: -most - 1n }, {}],
      [{ price: '999999999.999999999' }, {}],
      [{ price: '-999999999.999999999' }, {}],
      [{ ratio: 5e-324 }, {}],
      [{ ratio: Number.MAX_VALUE }, {}],
      [{ ratio: -0 }, { ratio: 0 }],
      [{ at: new Date('0001-01-01T00:00:00.000Z') }, {}],
      [{ at: new Date('9999-12-31T23:59:59.999Z') }, {}],
      [{ at: '2026-11-22T10:00:00+02:00' }, { at: new Date('2026-11-22T08:00:00.000Z') }],
      [{ day: '0001-01-01' }, {}],
      [{ day: '9999-12-31' }, {}],
      [{ data: { '': [null, 'é', 1e300, -0.5, { deep: [] }] } }, {}],
      [{ data: 'text' }, {}],
      [{ data: false }, {}],
      [{ raw: new Uint8Array([0, 255]) }, {}],
      [{ raw: new Uint8Array() }, {}],
      [{ raw: 'AP8=' }, { raw: new Uint8Array([0, 255]) }],
    ] as [object, object][]) {
      const expected = { ...input, ...kept }
      const row = await insert(Thing, input)
      expect(row).toMatchObject(expected)
      expect(await fixture.read('system', (db) => db.get(Thing, row.id))).toEqual(row)
    }
  })

  test('that were not given are the defaults; what Monobloc sets moves by itself', async () => {
    await openModels(Thing)
    const row = await insert(Thing, {})
    expect(row).toMatchObject({
      text: 'none',
      html: '',
      big: 0n,
      price: '0.000000000',
      made: 7,
      at: null,
      version: 1,
      size: 4,
    })
    expect(row.createdAt).toEqual(row.updatedAt)
    const changed = await write(async (db) => {
      await db.update(Thing, row.id, { text: 'a' })
      return db.update(Thing, row.id, { text: 'b' })
    })
    expect(changed).toMatchObject({ createdAt: row.createdAt, version: 3 })
    expect(changed.updatedAt.getTime()).toBeGreaterThan(row.updatedAt.getTime() + 1)
    // Constants are the database's defaults, too.
    await write((db) =>
      db.sql
        .insertInto('thing')
        .values({ made: 1, createdAt: row.createdAt.toISOString(), updatedAt: row.createdAt.toISOString(), version: 1 })
        .execute(),
    )
    expect(await fixture.read('system', (db) => db.first(Thing, { sort: '-id' }))).toMatchObject({
      text: 'none',
      big: 0n,
      ratio: 0,
    })
  })

  test('of a serial key are never used twice', async () => {
    await openModels(Thing)
    const [, second] = await insert(Thing, [{}, {}])
    await write((db) => db.delete(Thing, second.id))
    expect((await insert(Thing, {})).id).toBe(second.id + 1)
  })
})

test('words of SQL name models and fields', async () => {
  const Select = model(
    'select',
    {
      id: t.id(),
      order: t.text(),
      group: t.integer(),
      count: t.integer(),
    },
    { indexes: [['order', 'group']], search: ['order'], checks: { table: { group: { gt: 0 } } } },
  )
  await openModels(Select)
  const row = await insert(Select, { order: 'words', group: 1, count: 2 })
  expect(row).toEqual({ id: row.id, order: 'words', group: 1, count: 2 })
  const found = await fixture.read('system', (db) =>
    db.find(Select, { where: { order: 'words', count: { gt: 1 } }, sort: '-group', search: 'words' }),
  )
  expect(found).toHaveLength(1)
  await expect(insert(Select, { order: 'a', group: 0, count: 0 })).rejects.toMatchObject({
    code: 'check_violation',
  })
})
