import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ScopedDb } from '../../src/commit/index.ts'
import { toldElsewhere } from '../../src/observe/index.ts'
import type { Row } from '../../src/schema/index.ts'
import { Comment, type Data, Like, Note, openUnits, Sealed, Tag, type UnitFixture, User } from './unit-fixture.ts'

let fixture: UnitFixture<Data>
let ann: Row<typeof User>
let bob: Row<typeof User>

beforeEach(async () => {
  fixture = await openUnits()
  ;[ann, bob] = (await fixture.write('system', (db) => db.insert(User, [{ name: 'ann' }, { name: 'bob' }]))) as [
    Row<typeof User>,
    Row<typeof User>,
  ]
})
afterEach(() => fixture.close())

const code = (expected: string) => expect.objectContaining({ code: expected })
const mine = (title: string) => ({ title, owner: ann.id })
const titles = () =>
  fixture.read('system', async (db) => (await db.find(Note, { sort: 'title' })).map(({ title }) => title))
const loose = (write?: { actor: string }) => fixture.units.loose(ann, { readOnly: false, write }) as unknown as Data

describe('a unit of work', () => {
  test('commits all that it did as one transaction, or nothing of it', async () => {
    await fixture.write(ann, async (db) => {
      const { id } = await db.insert(Note, mine('a'))
      await db.insert(Comment, { text: 'x', note: id, author: ann.id })
    })
    const undone = new Error('undone')
    await expect(
      fixture.write(ann, async (db) => {
        await db.insert(Note, mine('b'))
        throw undone
      }),
    ).rejects.toBe(undone)
    expect(await titles()).toEqual(['a'])
    const log = await fixture.log()
    expect(log).toHaveLength(2)
    expect(log[1]).toMatchObject({ actor: 'ann', entries: [{ table: 'note' }, { table: 'comment' }] })
  })

  test('sees its own writes, and a read one snapshot', async () => {
    await fixture.write(ann, async (db) => {
      await db.insert(Note, mine('a'))
      expect(await db.count(Note)).toBe(1)
    })
    await fixture.read(ann, async (db) => {
      expect(await db.count(Note)).toBe(1)
      await fixture.write(ann, (other) => other.insert(Note, mine('b')))
      expect(await db.count(Note)).toBe(1)
    })
  })

  test('a read refuses every write', async () => {
    const writes: ((db: Data) => Promise<unknown>)[] = [
      (db) => db.insert(Note, mine('a')),
      (db) => db.insert(Note, [mine('a')]),
      (db) => db.update(User, ann.id, { name: 'x' }),
      (db) => db.update(User, { where: {} }, { name: 'x' }),
      (db) => db.delete(Note, { where: {} }),
      (db) => db.upsert(Tag, { match: ['name'], insert: { name: 'x' } }),
      (db) => db.asSystem().insert(Sealed, { value: 'x' }),
    ]
    for (const work of writes) await expect(fixture.read(ann, work)).rejects.toEqual(code('transaction_read_only'))
    const readOnly = fixture.units.loose(ann, { readOnly: true }) as unknown as Data
    for (const work of writes) await expect(work(readOnly)).rejects.toEqual(code('transaction_read_only'))
    await expect(readOnly.transaction(async () => 1)).rejects.toEqual(code('transaction_read_only'))
    expect(await readOnly.count(User)).toBe(2)
  })

  test('a handle that outlives it is of no use', async () => {
    let kept: Data | undefined
    await fixture.write(ann, async (db) => {
      kept = db
    })
    await expect(kept!.count(Note)).rejects.toEqual(code('transaction_ended'))
    await expect(kept!.insert(Note, mine('a'))).rejects.toEqual(code('transaction_ended'))
    await expect(kept!.asSystem().count(Note)).rejects.toEqual(code('transaction_ended'))
    await fixture.read(ann, async (db) => {
      kept = db
    })
    await expect(kept!.count(Note)).rejects.toEqual(code('transaction_ended'))
    await loose().transaction(async (db) => {
      kept = db
    })
    await expect(kept!.insert(Note, mine('a'))).rejects.toEqual(code('transaction_ended'))
  })
})

describe('a transaction inside another', () => {
  test('is undone alone', async () => {
    await fixture.write(ann, async (db) => {
      await db.insert(Note, mine('a'))
      await expect(
        db.transaction(async (inner) => {
          await inner.insert(Note, mine('b'))
          throw new Error('undone')
        }),
      ).rejects.toThrow('undone')
      expect(await db.transaction(async (inner) => (await inner.insert(Note, mine('c'))).title)).toBe('c')
      await db.insert(Note, mine('d'))
    })
    expect(await titles()).toEqual(['a', 'c', 'd'])
  })

  test('nests further', async () => {
    await fixture.write(ann, (db) =>
      db.transaction(async (one) => {
        await one.insert(Note, mine('a'))
        await expect(
          one.transaction(async (two) => {
            await two.insert(Note, mine('b'))
            await two.transaction((three) => three.insert(Note, mine('c')))
            throw new Error('undone')
          }),
        ).rejects.toThrow('undone')
        await one.insert(Note, mine('d'))
      }),
    )
    expect(await titles()).toEqual(['a', 'd'])
  })

  test('keeps its parent busy, as whomever it acts', async () => {
    await fixture.write(ann, async (db) => {
      await db.transaction(async (inner) => {
        await expect(db.count(Note)).rejects.toEqual(code('transaction_busy'))
        await expect(db.insert(Note, mine('a'))).rejects.toEqual(code('transaction_busy'))
        await expect(db.transaction(async () => 1)).rejects.toEqual(code('transaction_busy'))
        await expect(db.asSystem().count(Note)).rejects.toEqual(code('transaction_busy'))
        await inner.insert(Note, mine('b'))
      })
      await db.insert(Note, mine('c'))
    })
    expect(await titles()).toEqual(['b', 'c'])
  })

  test('ends with its work', async () => {
    await fixture.write(ann, async (db) => {
      let kept: Data | undefined
      await db.transaction(async (inner) => {
        kept = inner.asSystem()
      })
      await expect(kept!.count(Note)).rejects.toEqual(code('transaction_ended'))
      await expect(kept!.insert(Note, mine('a'))).rejects.toEqual(code('transaction_ended'))
      expect(await db.count(Note)).toBe(0)
    })
  })

  test('waits for the writes before it, as writes wait for one another', async () => {
    await fixture.write(ann, async (db) => {
      const tags = (await db.insert(Tag, [{ name: 'x' }, { name: 'y' }])).map(({ id }) => id)
      await Promise.all([
        ...['a', 'b', 'c'].map((title) => db.insert(Note, { ...mine(title), tags })),
        db.transaction((inner) => inner.insert(Note, { ...mine('d'), tags })),
      ])
    })
    expect(await titles()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('can be in a read, where it only reads', async () => {
    await fixture.read(ann, async (db) => {
      expect(await db.transaction((inner) => inner.count(User))).toBe(2)
      await expect(db.transaction((inner) => inner.insert(Note, mine('a')))).rejects.toEqual(
        code('transaction_read_only'),
      )
    })
  })
})

describe('a db without a transaction', () => {
  test('makes one of each call', async () => {
    const db = loose({ actor: 'ann' })
    const { id } = await db.insert(Note, mine('a'))
    await db.update(Note, id, { title: 'b' })
    expect(await titles()).toEqual(['b'])
    expect((await fixture.log()).map(({ actor, entries }) => [actor, entries.length])).toEqual([
      [null, 2],
      ['ann', 1],
      ['ann', 1],
    ])
  })

  test('makes one of several on request, and undoes it as one', async () => {
    const db = loose()
    await expect(
      db.transaction(async (inner) => {
        await inner.insert(Note, mine('a'))
        await inner.insert(Note, { title: 'b', owner: bob.id })
      }),
    ).rejects.toEqual(code('forbidden'))
    await db.transaction(async (inner) => {
      await inner.insert(Note, mine('c'))
      await inner.transaction((deeper) => deeper.insert(Note, mine('d')))
    })
    expect(await titles()).toEqual(['c', 'd'])
  })

  test('holds to policies, and to those of others', async () => {
    const db = loose()
    const { id } = await db.insert(Note, mine('a'))
    await expect(db.as(bob).get(Note, id)).rejects.toEqual(code('not_found'))
    await expect(db.get(Sealed, id)).rejects.toEqual(code('forbidden'))
    expect(await db.asSystem().count(Sealed)).toBe(0)
  })

  test('has no SQL of its own', async () => {
    expect(() => loose().asSystem().sql).toThrow(code('definition_invalid'))
    const rows = await loose().transaction((db) =>
      db.asSystem().sql.selectFrom('user').select('name').orderBy('name').execute(),
    )
    expect(rows.map(({ name }) => name)).toEqual(['ann', 'bob'])
  })
})

describe('acting as another', () => {
  test('as the system is said in the log', async () => {
    await fixture.write(ann, async (db) => {
      await db.asSystem().insert(Sealed, { value: 'a' })
      await db.asSystem().insert(Sealed, { value: 'b' })
    })
    await fixture.write(ann, (db) => db.transaction((inner) => inner.asSystem().insert(Sealed, { value: 'c' })))
    await fixture.write(ann, (db) => db.insert(Note, mine('a')))
    await fixture.write('system', (db) => db.asSystem().insert(Sealed, { value: 'd' }))
    await loose({ actor: 'ann' }).asSystem().insert(Sealed, { value: 'e' })
    await loose({ actor: 'ann' }).insert(Note, mine('b'))
    expect((await fixture.log()).map(({ actor }) => actor)).toEqual([
      null,
      'ann as system',
      'ann as system',
      'ann',
      null,
      'ann as system',
      'ann',
    ])
  })

  test('and nobody can have a name that says so', async () => {
    for (const name of ['bob as system', '"bob as system"', '"bob"']) {
      const user = { id: ann.id, name } as Row<typeof User>
      await fixture.write(user, (db) => db.insert(Note, mine(name)))
      await fixture.write(user, (db) => db.asSystem().insert(Sealed, { value: name }))
      await (fixture.units.loose(user, { readOnly: false, write: { actor: name } }) as unknown as Data).insert(
        Note,
        mine(name),
      )
    }
    expect((await fixture.log()).slice(1).map(({ actor }) => actor)).toEqual([
      '"bob as system"',
      '"bob as system" as system',
      '"bob as system"',
      '"\\"bob as system\\""',
      '"\\"bob as system\\"" as system',
      '"\\"bob as system\\""',
      '"\\"bob\\""',
      '"\\"bob\\"" as system',
      '"\\"bob\\""',
    ])
  })

  test('as a user narrows the system, and goes back from the system', async () => {
    await fixture.write('system', async (db) => {
      await expect(db.as(ann).insert(Note, { title: 'a', owner: bob.id })).rejects.toEqual(code('forbidden'))
      const { id } = await db.as(ann).insert(Note, mine('b'))
      await expect(db.as(bob).get(Note, id)).rejects.toEqual(code('not_found'))
      expect((await db.as(ann).asSystem().as(ann).get(Note, id)).title).toBe('b')
      expect(() => db.as(null as never)).toThrow(code('definition_invalid'))
      expect(() => db.as('ann' as never)).toThrow(code('definition_invalid'))
    })
  })

  test('SQL is for the system only', async () => {
    await fixture.write(ann, async (db) => {
      expect(() => (db as unknown as { sql: unknown }).sql).toThrow(code('forbidden'))
      await db.asSystem().sql.insertInto('sealed').values({ id: ann.id, value: 'raw' }).execute()
      expect(await db.asSystem().count(Sealed)).toBe(1)
    })
    expect((await fixture.log()).at(-1)).toMatchObject({
      actor: 'ann as system',
      entries: [{ table: 'sealed', operation: 'insert' }],
    })
  })
})

describe('a version', () => {
  test('that is not the current one fails, of a row that one may change', async () => {
    const { id, version } = await fixture.write(ann, (db) => db.insert(Note, { ...mine('a'), public: true }))
    expect(version).toBe(1)
    const change = (who: typeof ann, given: number) =>
      fixture.write(who, (db) => db.update(Note, id, { title: 'b' }, { version: given }))
    const remove = (who: typeof ann, given: number) =>
      fixture.write(who, (db) => db.delete(Note, id, { version: given }))
    await expect(change(ann, 2)).rejects.toEqual(code('precondition_failed'))
    expect((await change(ann, 1)).version).toBe(2)
    await expect(change(ann, 1)).rejects.toEqual(code('precondition_failed'))
    await expect(remove(ann, 1)).rejects.toEqual(code('precondition_failed'))
    // Whoever may not change it learns nothing of its version.
    await expect(change(bob, 1)).rejects.toEqual(code('forbidden'))
    await expect(change(bob, 2)).rejects.toEqual(code('forbidden'))
    await fixture.write(ann, (db) => db.update(Note, id, { public: false }))
    await expect(change(bob, 1)).rejects.toEqual(code('not_found'))
    await expect(change(bob, 3)).rejects.toEqual(code('not_found'))
    expect((await remove(ann, 3)).title).toBe('b')
    await expect(remove(ann, 3)).rejects.toEqual(code('not_found'))
  })

  test('grows by one with each change, by a filter too', async () => {
    const { id } = await fixture.write(ann, (db) => db.insert(Note, mine('a')))
    await fixture.write(ann, (db) => db.update(Note, { where: { title: 'a' } }, { title: 'b' }))
    await fixture.write('system', (db) => db.update(Note, { where: {} }, { title: 'c' }))
    expect(await fixture.read(ann, (db) => db.get(Note, id))).toMatchObject({ version: 3, title: 'c' })
  })
})

describe('composite keys', () => {
  test('name a row by all their fields; anything less is a filter', async () => {
    const { id: note } = await fixture.write(ann, (db) => db.insert(Note, { ...mine('a'), public: true }))
    await fixture.write(ann, (db) => db.insert(Like, { user: ann.id, note, weight: 2 }))
    await fixture.write(bob, (db) => db.insert(Like, { user: bob.id, note }))
    const seen = await fixture.read(ann, async (db) => [
      await db.get(Like, { user: ann.id, note }),
      await db.get(Like, { note, user: bob.id }),
      await db.get(Like, { weight: 2 }),
      await db.get(Like, { user: ann.id, weight: { gt: 1 } }),
    ])
    expect(seen.map(({ weight }) => weight)).toEqual([2, 1, 2, 2])
    await expect(fixture.read(ann, (db) => db.get(Like, { user: ann.id, note: ann.id }))).rejects.toEqual(
      code('not_found'),
    )
    await expect(fixture.write(ann, (db) => db.update(Like, { user: bob.id, note }, { weight: 9 }))).rejects.toEqual(
      code('forbidden'),
    )
    expect((await fixture.write(ann, (db) => db.update(Like, { user: ann.id, note }, { weight: 3 }))).weight).toBe(3)
    const insert = { user: ann.id, note, weight: 7 }
    expect(
      (await fixture.write(ann, (db) => db.upsert(Like, { match: ['note', 'user'], insert, update: { weight: 7 } })))
        .weight,
    ).toBe(7)
    expect((await fixture.write(ann, (db) => db.delete(Like, { user: ann.id, note }))).weight).toBe(7)
    await expect(fixture.write(ann, (db) => db.delete(Like, { user: ann.id } as never))).rejects.toEqual(
      code('not_found'),
    )
    await expect(fixture.write(ann, (db) => db.upsert(Like, { match: ['user'], insert }))).rejects.toEqual(
      code('definition_invalid'),
    )
    await expect(fixture.write(ann, (db) => db.upsert(Like, { match: [], insert }))).rejects.toEqual(
      code('definition_invalid'),
    )
  })
})

test('a page says where the next begins, beside its rows', async () => {
  await fixture.write(ann, (db) => db.insert(Note, ['a', 'b', 'c'].map(mine)))
  const [page, rest] = await fixture.read(ann, async (db) => {
    const first = await db.find(Note, { sort: 'title', limit: 2, fields: ['title'] })
    return [first, await db.find(Note, { sort: 'title', limit: 2, fields: ['title'], after: first.next! })] as const
  })
  expect(page.next).toEqual(expect.any(String))
  expect(rest.next).toBe(null)
  expect([...page, ...rest].map(({ title }) => title)).toEqual(['a', 'b', 'c'])
  expect(Object.keys(page)).toEqual(['0', '1'])
  expect(JSON.parse(JSON.stringify(page))).toEqual([{ title: 'a' }, { title: 'b' }])
  const hits = await fixture.read(ann, (db) => db.search(Note, 'a', { limit: 1 }))
  expect(Object.keys(hits)).toEqual(['0'])
  expect(hits.next).toBe(null)
})

test('nulls never match in an upsert, as they are never equal to a unique constraint', async () => {
  const upsert = (name: string | null) =>
    fixture.write('system', (db) => db.upsert(User, { match: ['name'], insert: { name: name as string } }))
  const { id } = await upsert('eve')
  expect((await upsert('eve')).id).toBe(id)
  await expect(upsert(null)).rejects.toEqual(code('validation_failed'))
})

describe('a call that nobody waits for', () => {
  const missing = (text: string) =>
    expect.objectContaining({ code: 'missing_await', message: expect.stringContaining(text) })
  const forgetful: [string, string, (db: Data) => unknown][] = [
    ['an insert', 'db.insert(note)', (db) => db.insert(Note, mine('b'))],
    ['an insert that fails', 'db.insert(note)', (db) => db.insert(Note, { ...mine('b'), title: '' })],
    ['a read', 'db.find(note)', (db) => db.find(Note)],
    ['an end of all rows', 'db.empty(note)', (db) => db.asSystem().empty(Note)],
    ['one of another db', 'db.count(note)', (db) => db.asSystem().as(bob).count(Note)],
    ['several', 'db.get(user), db.delete(note)', (db) => [db.get(User, ann.id), db.delete(Note, { where: {} })]],
    ['a transaction', 'db.transaction', (db) => db.transaction(() => db.insert(Note, mine('b')))],
    ['a write that is caught', 'under way', (db) => void db.insert(Note, mine('b')).catch(() => {})],
  ]
  test.each(forgetful)('fails the unit of work, and nothing is committed: %s', async (_, text, forget) => {
    const work = (db: Data) =>
      ScopedDb.whole(db, async () => {
        await db.insert(Note, mine('a'))
        forget(db)
      })
    await expect(fixture.write(ann, work)).rejects.toEqual(missing(text))
    expect(await titles()).toEqual([])
  })
  test('ends no process, whatever has thrown in it', async () => {
    const rejected: object[] = []
    const watch = (_: unknown, promise: object) => void rejected.push(promise)
    process.on('unhandledRejection', watch)
    onTestFinished(() => void process.off('unhandledRejection', watch))
    fixture.definition.hook(Note, { beforeInsert: () => Promise.reject(new Error('a mistake')) })
    const work = (db: Data) =>
      ScopedDb.whole(db, async () => {
        void db.insert(Note, mine('a'))
        for (let at = 0; at < 20; at++) await db.count(Note)
      })
    await expect(fixture.write(ann, work)).rejects.toEqual(missing('db.insert(note)'))
    expect(rejected.map((promise) => toldElsewhere in promise)).toEqual(rejected.map(() => true))
  })
  test('leaves a promise that can be shown', async () => {
    await fixture.write(ann, async (db) => {
      const call = db.count(Note)
      expect(JSON.stringify({ call })).toBe('{"call":{}}')
      await call
    })
  })
  test('is told of a nested transaction, and of a hook', async () => {
    await fixture.write(ann, async (db) => {
      const inner = db.transaction(async (nested) => void nested.insert(Note, mine('a')))
      await expect(inner).rejects.toEqual(missing('db.insert(note)'))
    })
    fixture.definition.hook(Note, { afterInsert: ({ db }: any) => void db.count(Note) })
    await expect(fixture.write(ann, (db) => db.insert(Note, mine('a')))).rejects.toEqual(missing('db.count(note)'))
    expect(await titles()).toEqual([])
  })
  test('is any but one that is awaited, returned, or handed to whoever awaits it', async () => {
    await fixture.write(ann, (db) =>
      ScopedDb.whole(db, async () => {
        const early = db.count(Note)
        await Promise.all([db.insert(Note, mine('a')), db.insert(Note, mine('b'))])
        await Promise.allSettled([db.insert(Note, { ...mine('c'), title: '' }), early])
        await db.first(Note).finally(() => {})
        await db.insert(Note, { ...mine('c'), title: '' }).catch(() => {})
        for (let at = 0; at < 20; at++) await db.count(Note)
        return db.find(Note)
      }),
    )
    expect(await titles()).toEqual(['a', 'b'])
  })
})
