import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import { type Db, purgeDeleted } from '../../src/commit/index.ts'
import { model, Schema, t } from '../../src/schema/index.ts'
import { Author, Cover, models, Remark, Story, Tag } from './soft-delete-fixture.ts'
import { open, openUnits, type UnitFixture } from './unit-fixture.ts'

type Data = Db<typeof models, never>

let fixture: UnitFixture<Data>
let ann: { id: string }

async function start(definition: Definition = open(models)): Promise<void> {
  fixture = await openUnits<Data>(definition)
  ann = await system((db) => db.insert(Author, { name: 'ann' }))
}

beforeEach(() => start())
afterEach(() => fixture.close())

const system = <T>(work: (db: Data) => Promise<T>) => fixture.write('system', work)
const anyone = <T>(work: (db: Data) => Promise<T>) => fixture.write(null, work)
const story = (title = 'one') => system((db) => db.insert(Story, { title, author: ann.id }))
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error) => error.code,
  )

describe('a delete', () => {
  test('sets the field, is an update to the log, and moves version and updatedAt', async () => {
    const { id, updatedAt } = await story()
    const row = await anyone((db) => db.delete(Story, id))
    expect(row).toMatchObject({ title: 'one', version: 2 })
    expect(row.deletedAt).toBeInstanceOf(Date)
    expect(row.updatedAt.getTime()).toBeGreaterThan(updatedAt.getTime())
    const [entry] = (await fixture.log()).at(-1)!.entries
    expect(entry).toMatchObject({ operation: 'update', table: 'story', previous: { deletedAt: null } })
    expect(entry!.row.deletedAt).toBe(row.deletedAt!.toISOString())
  })

  test('of what is deleted already finds nothing, and so does a change', async () => {
    const { id } = await story()
    await anyone((db) => db.delete(Story, id))
    expect(await code(anyone((db) => db.delete(Story, id)))).toBe('not_found')
    expect(await code(anyone((db) => db.update(Story, id, { title: 'two' })))).toBe('not_found')
    expect(await code(system((db) => db.update(Story, id, { title: 'two' }, { version: 2 })))).toBe('not_found')
    expect(await anyone((db) => db.delete(Story, { where: {} }))).toBe(0)
    expect(await anyone((db) => db.update(Story, { where: {} }, { title: 'two' }))).toBe(0)
  })

  test('of those that match is counted', async () => {
    await story('one')
    await story('two')
    expect(await anyone((db) => db.delete(Story, { where: { title: 'two' } }))).toBe(1)
    expect(await anyone((db) => db.count(Story))).toBe(1)
  })

  test('keeps to the version that it is based on', async () => {
    const { id } = await story()
    expect(await code(anyone((db) => db.delete(Story, id, { version: 7 })))).toBe('precondition_failed')
    expect(await code(anyone((db) => db.delete(Story, id, { version: 1 })))).toBe('done')
  })

  test('leaves what refers to the row as it is, whatever its rule is', async () => {
    const { id } = await story()
    const { id: remark } = await anyone((db) => db.insert(Remark, { text: 'hm', story: id }))
    await anyone((db) => db.delete(Author, ann.id))
    expect(await anyone((db) => db.get(Story, id))).toMatchObject({ author: ann.id })
    await anyone((db) => db.delete(Story, id))
    expect(await anyone((db) => db.get(Remark, remark))).toMatchObject({ story: id })
  })

  test('runs the hooks of a delete', async () => {
    await fixture.close()
    const definition = open(models)
    const seen: unknown[] = []
    definition.hooks.add(Story, {
      beforeDelete: ({ key }) => void seen.push(key),
      afterDelete: ({ row }: { row: any }) => void seen.push(row.deletedAt instanceof Date),
      afterUpdate: () => void seen.push('update'),
    })
    await start(definition)
    const { id } = await story()
    await anyone((db) => db.delete(Story, id))
    await anyone((db) => db.delete(Story, { where: {} }))
    expect(seen).toEqual([id, true])
  })
})

describe('a deleted row is not there to be referred to', () => {
  test.each([
    ['the system', () => system],
    ['a user', () => anyone],
  ])('by %s', async (_, as) => {
    const { id } = await story()
    const tag = await system((db) => db.insert(Tag, { name: 'red' }))
    const other = await story('two')
    await anyone(async (db) => {
      await db.delete(Story, id)
      await db.delete(Tag, tag.id)
    })
    const attempts = [
      as()((db) => db.insert(Remark, { text: 'late', story: id })),
      as()((db) => db.insert(Remark, [{ text: 'late', story: id }])),
      as()((db) => db.insert(Story, { title: 'x', author: ann.id, tags: [tag.id] })),
      as()((db) => db.update(Story, other.id, { tags: { add: [tag.id] } })),
      as()((db) => db.update(Story, { where: {} }, { tags: [tag.id] })),
    ]
    for (const one of attempts.map(code)) expect(await one).toBe('reference_not_found')
  })

  test('and a list of links that does not show it keeps it', async () => {
    const [red, blue] = await system((db) => db.insert(Tag, [{ name: 'red' }, { name: 'blue' }]))
    const { id } = await system((db) => db.insert(Story, { title: 'x', author: ann.id, tags: [red!.id, blue!.id] }))
    await anyone((db) => db.delete(Tag, blue!.id))
    await anyone((db) => db.update(Story, id, { tags: [red!.id] }))
    await system((db) => db.update(Tag, blue!.id, { deletedAt: null }))
    expect((await anyone((db) => db.get(Story, id, { include: { tags: true } }))).tags).toHaveLength(2)
  })
})

describe('what a deleted row had that was unique', () => {
  test('may be taken by another, and is not given back then', async () => {
    await anyone((db) => db.delete(Author, ann.id))
    const again = await anyone((db) => db.insert(Author, { name: 'ann' }))
    expect(await code(anyone((db) => db.insert(Author, { name: 'ann' })))).toBe('unique_violation')
    expect(await code(system((db) => db.update(Author, ann.id, { deletedAt: null })))).toBe('unique_violation')
    await anyone((db) => db.delete(Author, again.id))
    expect(await code(system((db) => db.update(Author, ann.id, { deletedAt: null })))).toBe('done')
  })

  test('is not matched by an upsert', async () => {
    await anyone((db) => db.delete(Author, ann.id))
    const made = await anyone((db) => db.upsert(Author, { match: ['name'], insert: { name: 'ann' } }))
    expect(made.id).not.toBe(ann.id)
    const found = await anyone((db) => db.upsert(Author, { match: ['name'], insert: { name: 'ann' } }))
    expect(found.id).toBe(made.id)
  })
})

test('one-to-one, the row that is not deleted is shown, else the one deleted last, on purpose only', async () => {
  const { id } = await story()
  const shown = async (withDeleted: boolean) =>
    (await anyone((db) => db.get(Story, id, { include: { cover: { withDeleted } } }))).cover?.colour
  for (const colour of ['red', 'green', 'blue']) {
    const { id: cover } = await anyone((db) => db.insert(Cover, { colour, story: id }))
    expect([await shown(false), await shown(true)]).toEqual([colour, colour])
    // Apart by a millisecond at least.
    const at = new Date(Date.now() + cover * 1000)
    await system((db) => db.update(Cover, cover, { deletedAt: at }))
    expect([await shown(false), await shown(true)]).toEqual([undefined, colour])
    expect(await anyone((db) => db.count(Story, { where: { cover: {} } }))).toBe(0)
  }
})

describe('a row comes back', () => {
  test('by the system, with its links and references', async () => {
    const tag = await system((db) => db.insert(Tag, { name: 'red' }))
    const { id } = await system((db) => db.insert(Story, { title: 'x', author: ann.id, tags: [tag.id] }))
    await anyone((db) => db.delete(Story, id))
    const row = await system((db) => db.update(Story, id, { deletedAt: null, title: 'y' }))
    expect(row).toMatchObject({ deletedAt: null, title: 'y', version: 3 })
    expect(await anyone((db) => db.get(Story, id, { include: { tags: true } }))).toMatchObject({
      tags: [{ name: 'red' }],
    })
  })

  test('with all that match', async () => {
    await story('one')
    await story('two')
    await anyone((db) => db.delete(Story, { where: {} }))
    const restored = await system((db) => db.update(Story, { where: { title: 'two' } }, { deletedAt: null }))
    expect([restored, await anyone((db) => db.count(Story))]).toEqual([1, 1])
  })

  test('never by a user, whose change would say it', async () => {
    const { id } = await story()
    await anyone((db) => db.delete(Story, id))
    expect(await code(anyone((db) => db.update(Story, id, { deletedAt: null })))).toBe('validation_failed')
  })
})

describe('a policy', () => {
  test('holds for deleted rows too, and crosses no relation to one', async () => {
    await fixture.close()
    const definition = new Definition(models, undefined)
    definition.policy(Author, { anyone: { read: true } })
    definition.policy(Story, { anyone: { read: { title: 'one' } } })
    definition.policy(Remark, { anyone: { read: { story: { title: 'one' } } } })
    await start(definition)
    const [{ id: one }, { id: two }] = [await story('one'), await story('two')]
    await system((db) => db.insert(Remark, { text: 'hm', story: one }))
    expect(await anyone((db) => db.count(Remark))).toBe(1)
    await system((db) => db.delete(Story, { where: {} }))
    expect(await anyone((db) => db.count(Remark))).toBe(0)
    expect(await anyone((db) => db.find(Story, { withDeleted: true }))).toMatchObject([{ title: 'one' }])
    expect(await code(anyone((db) => db.get(Story, two, { withDeleted: true })))).toBe('not_found')
    const counted = { n: { count: 'stories', withDeleted: true } } as const
    expect(await anyone((db) => db.get(Author, ann.id, { include: counted }))).toMatchObject({ n: 1 })
  })
})

describe('a row goes for good', () => {
  test('by a delete that says so, whether it was deleted or not; ON DELETE rules apply', async () => {
    const { id } = await story()
    await anyone((db) => db.delete(Author, ann.id))
    await anyone((db) => db.delete(Author, ann.id, { purge: true }))
    expect(await anyone((db) => db.count(Story, { withDeleted: true }))).toBe(0)
    const operations = (await fixture.log()).at(-1)!.entries.map(({ table, operation }) => `${operation} ${table}`)
    expect(operations.sort()).toEqual(['delete author', 'delete story'])
    expect(await code(anyone((db) => db.delete(Story, id, { purge: true })))).toBe('not_found')
  })

  test('with all that match', async () => {
    await story('one')
    await story('two')
    await anyone((db) => db.delete(Story, { where: { title: 'one' } }))
    expect(await anyone((db) => db.delete(Story, { where: {} }, { purge: true }))).toBe(2)
  })

  test('unless others would keep it', async () => {
    const { id } = await story()
    await anyone((db) => db.insert(Remark, { text: 'hm', story: id }))
    await anyone((db) => db.delete(Story, id))
    expect(await code(anyone((db) => db.delete(Story, id, { purge: true })))).toBe('reference_in_use')
  })
})

describe('the purge by rule', () => {
  const days = 24 * 60 * 60 * 1000
  const purge = (afterDays: number) =>
    purgeDeleted({
      storage: fixture.storage,
      queries: fixture.queries,
      schema: fixture.definition.schema,
      now: () => Date.now() + afterDays * days,
    })
  const left = () => system((db) => db.find(Story, { withDeleted: true }))

  test('takes what was deleted longer ago than the model says, and no model without a rule', async () => {
    await story('live')
    const { id } = await story('gone')
    await anyone((db) => db.delete(Story, id))
    await anyone((db) => db.delete(Author, ann.id))
    expect(await purge(29.99)).toEqual({})
    expect(await purge(30.01)).toEqual({ story: 1 })
    expect(await left()).toMatchObject([{ title: 'live' }])
    const last = (await fixture.log()).at(-1)!
    expect(last).toMatchObject({ actor: null, cause: 'purge', entries: [{ operation: 'delete', table: 'story' }] })
    expect(await system((db) => db.count(Author, { withDeleted: true }))).toBe(1)
  })

  test('goes on until nothing is due', async () => {
    await system(async (db) => {
      for (let n = 0; n < 3; n++) {
        await db.insert(
          Story,
          Array.from({ length: 400 }, (_, at) => ({ title: `${n} ${at}`, author: ann.id })),
        )
      }
      await db.delete(Story, { where: {} })
    })
    expect(await purge(31)).toEqual({ story: 1200 })
  })

  test('passes over what others keep, until they are gone', async () => {
    const { id } = await story('held')
    const { id: remark } = await anyone((db) => db.insert(Remark, { text: 'hm', story: id }))
    await story('free')
    await anyone((db) => db.delete(Story, { where: {} }))
    expect(await purge(31)).toEqual({ story: 1 })
    expect(await left()).toMatchObject([{ title: 'held' }])
    await anyone((db) => db.delete(Remark, remark))
    expect(await purge(31)).toEqual({ story: 1 })
  })

  test('passes over what is kept by rows that would go with it', async () => {
    await fixture.close()
    const Box = model('box', { id: t.serial(), deletedAt: t.deletedAt({ purgeAfter: '30d' }) })
    const Part = model('part', { id: t.serial(), box: t.ref(Box).onDelete('cascade') })
    const Label = model('label', { id: t.serial(), part: t.ref(Part) })
    fixture = (await openUnits(open({ Box, Part, Label }))) as never
    const db = <T>(work: (db: Db<{ B: typeof Box; P: typeof Part; L: typeof Label }, never>) => Promise<T>) =>
      fixture.write('system', work as never) as Promise<T>
    await db(async (db) => {
      const [held] = await db.insert(Box, [{}, {}, {}])
      const part = await db.insert(Part, { box: held!.id })
      await db.insert(Label, { part: part.id })
      await db.delete(Box, { where: {} })
    })
    expect(await purge(31)).toEqual({ box: 2 })
    expect(await db((db) => db.count(Box, { withDeleted: true }))).toBe(1)
  })
})

test('a model that is in use gets the field without losing anything', async () => {
  const before = model(
    'thing',
    { id: t.serial(), name: t.text().unique() },
    { indexes: [{ fields: ['name', 'id'], unique: true }] },
  )
  const after = model(
    'thing',
    { id: t.serial(), name: t.text().unique(), deletedAt: t.deletedAt() },
    { indexes: [{ fields: ['name', 'id'], unique: true }] },
  )
  const { storage } = fixture
  await storage.apply(new Schema([before]), await storage.compare(new Schema([before])))
  await storage.write({ deadline: 5000 }, (session) => session.raw("insert into thing (name) values ('a'), ('b')", []))
  const changes = await storage.compare(new Schema([after]))
  expect(changes.map(({ safe, description }) => [safe, description])).toEqual([
    [true, 'add column thing.deletedAt'],
    [true, 'build unique index thing-name-id-unique anew'],
    [true, 'build unique index thing-name-unique anew'],
    [true, 'create index thing-deletedAt-index-where'],
    [true, 'log changes of thing'],
  ])
  await storage.apply(new Schema([after]), changes)
  expect(await storage.compare(new Schema([after]))).toEqual([])
  // The other way round rows could be equal again.
  const back = await storage.compare(new Schema([before]))
  expect(back.some(({ safe, description }) => !safe && description.includes('thing-name-unique'))).toBe(true)
})
