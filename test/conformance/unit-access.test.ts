import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { Comment, type Data, Like, Note, openUnits, Sealed, Tag, type UnitFixture, User } from './unit-fixture.ts'
import { openPeople, outcome, type People, type Who } from './unit-people.ts'

// Who may do what, asked of every verb in every role: the matrix, then every other way to the same rows.

let fixture: UnitFixture<Data>
let people: People['people']
let ids: People['ids']
let can: People['can']
let sees: People['sees']

beforeEach(async () => {
  ;({ fixture, people, ids, can, sees } = await openPeople())
})
afterEach(() => fixture.close())

describe('each verb, by who acts', () => {
  const verbs: Record<string, (db: Data) => Promise<unknown>> = {
    'get what is hidden': (db) => db.get(Note, ids.secret),
    'get what is shown': (db) => db.get(Note, ids.open),
    'get what is not there': (db) => db.get(Note, ids.tag),
    'get what has no policy': (db) => db.get(Sealed, ids.tag),
    'find what has no policy': (db) => db.find(Sealed),
    'count what has no policy': (db) => db.count(Sealed),
    'aggregate what has no policy': (db) => db.aggregate(Sealed, { count: true }),
    'insert one of its own': (db) => db.insert(Note, { title: 'new', owner: people.ann.id }),
    'insert several of its own': (db) => db.insert(Note, [{ title: 'new', owner: people.ann.id }]),
    'insert what has no policy': (db) => db.insert(Sealed, { value: 'y' }),
    'update what is hidden': (db) => db.update(Note, ids.secret, { title: 'x' }),
    'update what is shown': (db) => db.update(Note, ids.open, { title: 'x' }),
    'update what is not there': (db) => db.update(Note, ids.tag, { title: 'x' }),
    'delete what is hidden': (db) => db.delete(Note, ids.secret),
    'delete what is shown': (db) => db.delete(Note, ids.open),
    'delete what is not there': (db) => db.delete(Note, ids.tag),
    'delete what nobody may': (db) => db.delete(Tag, ids.tag),
  }
  const expected: Record<string, Record<Who, ErrorCode | 'done'>> = {
    'get what is hidden': { ann: 'done', bob: 'not_found', eve: 'not_found', nobody: 'not_found', system: 'done' },
    'get what is shown': { ann: 'done', bob: 'done', eve: 'done', nobody: 'done', system: 'done' },
    'get what is not there': {
      ann: 'not_found',
      bob: 'not_found',
      eve: 'not_found',
      nobody: 'not_found',
      system: 'not_found',
    },
    'get what has no policy': {
      ann: 'forbidden',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'not_found',
    },
    'find what has no policy': {
      ann: 'forbidden',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'count what has no policy': {
      ann: 'forbidden',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'aggregate what has no policy': {
      ann: 'forbidden',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'insert one of its own': {
      ann: 'done',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'insert several of its own': {
      ann: 'done',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'insert what has no policy': {
      ann: 'forbidden',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'update what is hidden': {
      ann: 'done',
      bob: 'not_found',
      eve: 'not_found',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'update what is shown': {
      ann: 'done',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'update what is not there': {
      ann: 'not_found',
      bob: 'not_found',
      eve: 'not_found',
      nobody: 'unauthenticated',
      system: 'not_found',
    },
    // The admin may delete whatever they see, and see no more than others.
    'delete what is hidden': {
      ann: 'done',
      bob: 'not_found',
      eve: 'not_found',
      nobody: 'unauthenticated',
      system: 'done',
    },
    'delete what is shown': { ann: 'done', bob: 'forbidden', eve: 'done', nobody: 'unauthenticated', system: 'done' },
    'delete what is not there': {
      ann: 'not_found',
      bob: 'not_found',
      eve: 'not_found',
      nobody: 'unauthenticated',
      system: 'not_found',
    },
    'delete what nobody may': {
      ann: 'forbidden',
      bob: 'forbidden',
      eve: 'forbidden',
      nobody: 'unauthenticated',
      system: 'done',
    },
  }
  test.each(Object.keys(verbs))('%s', async (name) => {
    const outcomes: Record<string, ErrorCode | 'done'> = {}
    for (const who of ['ann', 'bob', 'eve', 'nobody', 'system'] as const) {
      const rolledBack = new Error('undone')
      const tried = await can(who, async (db) => {
        await verbs[name]!(db)
        throw rolledBack
      })
      outcomes[who] = tried ?? 'done'
    }
    expect(outcomes).toEqual(expected[name])
  })
})

test('whoever is not known is told that an identity might help, even about a row that they see', async () => {
  const definition = new Definition({ User, Tag }, User)
  definition.policy(User, { anyone: { read: true } })
  definition.policy(Tag, {
    anyone: { read: true, create: { hidden: false }, update: { hidden: false }, delete: { hidden: false } },
  })
  const other = await openUnits<Data>(definition)
  const { id } = await other.write('system', (db) => db.insert(Tag, { name: 'a', hidden: true }))
  const tries: ((db: Data) => Promise<unknown>)[] = [
    (db) => db.insert(Tag, { name: 'b', hidden: true }),
    (db) => db.update(Tag, id, { name: 'c' }),
    (db) => db.delete(Tag, id),
  ]
  for (const work of tries) {
    expect(await outcome(other.write(null, work))).toBe('unauthenticated')
    expect(await outcome(other.write(people.ann, work))).toBe('forbidden')
  }
  await other.close()
})

describe('lists', () => {
  const titles = (who: Who) =>
    sees(who, async (db) => (await db.find(Note, { sort: 'title' })).map(({ title }) => title))
  test('hold what one may read, and counts count no more', async () => {
    expect(await titles('ann')).toEqual(['open letter', 'secret plan'])
    expect(await titles('bob')).toEqual(['bob only', 'open letter'])
    expect(await titles('nobody')).toEqual(['open letter'])
    expect(await titles('system')).toEqual(['bob only', 'open letter', 'secret plan'])
    for (const [who, count] of [
      ['ann', 2],
      ['bob', 2],
      ['eve', 1],
      ['nobody', 1],
      ['system', 3],
    ] as const) {
      expect(await sees(who, (db) => db.count(Note))).toBe(count)
      expect(await sees(who, (db) => db.aggregate(Note, { count: true }))).toEqual([{ count }])
      expect(await sees(who, async (db) => (await db.search(Note, 'plan letter only')).length)).toBe(0)
      expect((await sees(who, (db) => db.find(Note))).length).toBe(count)
    }
  })

  test('full-text search finds nothing that is hidden', async () => {
    for (const [who, found] of [
      ['ann', 1],
      ['bob', 0],
      ['nobody', 0],
      ['system', 1],
    ] as const) {
      expect((await sees(who, (db) => db.search(Note, 'secret', { highlight: true }))).length).toBe(found)
      expect((await sees(who, (db) => db.find(Note, { search: 'secret' }))).length).toBe(found)
      expect(await sees(who, (db) => db.count(Note, { search: 'secret' }))).toBe(found)
    }
  })

  test('a filter can only narrow, whatever it says', async () => {
    const all = [
      { id: { ne: ids.tag } },
      { not: { title: '' } },
      { or: [{ public: true }, { public: false }] },
      { and: [] },
      {},
    ]
    for (const where of all) expect(await sees('bob', (db) => db.count(Note, { where }))).toBe(2)
    expect(await sees('bob', (db) => db.first(Note, { where: { id: ids.secret } }))).toBe(null)
    expect(await outcome(sees('bob', (db) => db.get(Note, { title: 'secret plan' })))).toBe('not_found')
  })

  test('where must not be undefined', async () => {
    const where = undefined as never
    for (const work of [
      (db: Data) => db.find(Note, { where }),
      (db: Data) => db.count(Note, { where }),
      (db: Data) => db.first(Note, { where }),
      (db: Data) => db.aggregate(Note, { count: true, where }),
      (db: Data) => db.update(Note, { where }, { title: 'x' }),
      (db: Data) => db.delete(Note, { where }),
      (db: Data) => db.find(User, { include: { notes: { where } } }),
      (db: Data) => db.find(User, { include: { n: { count: 'notes', where } } }),
      (db: Data) => db.get(Note, undefined as never),
      (db: Data) => db.update(Note, undefined as never, {}),
      (db: Data) => db.delete(Note, null as never),
      (db: Data) => db.find(Note, { where: { title: undefined } }),
    ]) {
      expect(await can('ann', work)).toBe('undefined_in_filter')
      expect(await can('system', work)).toBe('undefined_in_filter')
    }
    const both = { where: { title: 'x' }, limit: 1 } as never
    expect(await can('ann', (db) => db.delete(Note, both))).toBe('definition_invalid')
    expect(await can('ann', (db) => db.update(Note, both, {}))).toBe('definition_invalid')
  })
})

describe('relations', () => {
  test('lead only to what one may read, included, counted or asked for', async () => {
    const look = (who: Who) =>
      sees(who, (db) =>
        db.get(User, people.ann.id, {
          include: {
            notes: { sort: 'title', include: { tags: { sort: 'name' }, comments: true } },
            n: { count: 'notes' },
            secret: { exists: 'notes', where: { title: 'secret plan' } },
          },
        }),
      )
    const own = await look('ann')
    expect(own).toMatchObject({ n: 2, secret: true })
    expect(own.notes.map(({ title, tags, comments }) => [title, tags.length, comments.length])).toEqual([
      ['open letter', 1, 1],
      ['secret plan', 1, 1],
    ])
    const others = await look('bob')
    expect(others).toMatchObject({ n: 1, secret: false })
    expect(others.notes.map(({ title, tags }) => [title, tags.map(({ name }) => name)])).toEqual([
      ['open letter', ['seen']],
    ])
    // Nobody was granted a tag.
    const none = await look('nobody')
    expect(none.notes.map(({ title, tags }) => [title, tags.length])).toEqual([['open letter', 0]])
  })

  test('a filter across one does not tell what is hidden', async () => {
    const count = (who: Who, where: object) => sees(who, (db) => db.count(User, { where: where as never }))
    const hidden = [
      { notes: { some: { title: { startsWith: 'secret' } } } },
      { notes: { count: { gte: 2 } } },
      { notes: { every: { title: 'no such' } }, name: 'ann' },
    ]
    expect(await Promise.all(hidden.map((where) => count('system', where)))).toEqual([1, 1, 0])
    expect(await Promise.all(hidden.map((where) => count('bob', where)))).toEqual([0, 0, 0])
    expect(await Promise.all(hidden.map((where) => count('nobody', where)))).toEqual([0, 0, 0])
    expect(await sees('bob', (db) => db.count(Note, { where: { tags: { some: { name: 'unseen' } } } }))).toBe(0)
    expect(await sees('ann', (db) => db.count(Note, { where: { tags: { some: { hidden: true } } } }))).toBe(0)
    expect(await sees('ann', (db) => db.count(Note, { where: { tags: { none: { hidden: true } } } }))).toBe(2)
    expect(await sees('bob', (db) => db.count(Comment, { where: { note: { title: 'secret plan' } } }))).toBe(0)
    expect(await sees('bob', (db) => db.count(Comment, { where: { not: { note: { title: 'x' } } } }))).toBe(1)
  })

  test('a comment goes with its note', async () => {
    expect((await sees('bob', (db) => db.find(Comment))).map(({ text }) => text)).toEqual(['nice'])
    expect(await outcome(sees('bob', (db) => db.get(Comment, ids.buried)))).toBe('not_found')
    expect(await can('bob', (db) => db.delete(Comment, ids.buried))).toBe('not_found')
    expect(await can('ann', (db) => db.delete(Comment, ids.comment))).toBe('forbidden')
  })

  test('a to-one relation to what is hidden is null', async () => {
    await fixture.write('system', (db) => db.insert(Like, { user: people.bob.id, note: ids.secret }))
    const likes = await sees('bob', (db) => db.find(Like, { include: { note: true }, sort: 'note' }))
    expect(likes.map(({ note }) => note?.title ?? null).sort()).toEqual(['open letter', null].sort())
  })
})
