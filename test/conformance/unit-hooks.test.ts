import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import { model, type Row, t } from '../../src/schema/index.ts'
import { openUnits, type UnitFixture, User } from './unit-fixture.ts'

const Post = model('post', {
  id: t.id(),
  title: t.text().min(1).max(20),
  slug: t.text().readOnly().unique(),
  rank: t.integer().readOnly().default(0),
  amount: t.decimal(6, 2).default('0.00'),
  get author() {
    return t.ref(User).nullable()
  },
  secretAuthor: t.text().readOnly().nullable(),
})
const Trace = model('trace', {
  id: t.serial(),
  text: t.text(),
  get by() {
    return t.ref(Hidden).nullable()
  },
})
const Hidden = model('hidden', { id: t.id() })

// These models are of this file alone: their types are tested in test/types.
type Database = any

let hooks: Record<string, (context: any) => unknown>
let traces: string[]
let fixture: UnitFixture<Database>
let ann: Row<typeof User>

// Each hook does what the test says, by name.
const names = ['beforeInsert', 'afterInsert', 'beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete'] as const

beforeEach(async () => {
  hooks = {}
  traces = []
  const definition = new Definition({ User, Post, Trace, Hidden }, User)
  definition.policy(User, { anyone: { read: true } })
  definition.policy(Post, {
    read: true,
    create: ({ user }: any) => ({ or: [{ author: user.id }, { author: null }] }),
    update: ({ user }: any) => ({ author: user.id }),
    delete: true,
  })
  definition.policy(Trace, { read: true, create: true })
  const told = Object.fromEntries(
    names.map((name) => [
      name,
      (context: any) => {
        traces.push(name)
        return hooks[name]?.(context)
      },
    ]),
  )
  definition.hook(Post, { beforeInsert: ({ input }: any) => ({ slug: input.title.toLowerCase(), ...input }) })
  definition.hook(Post, told)
  fixture = await openUnits<Database>(definition)
  ann = await fixture.write<any>('system', (db) => db.insert(User, { name: 'ann' }))
})
afterEach(() => fixture.close())

const write = (work: (db: Database) => Promise<any>): Promise<any> => fixture.write(ann, work)
const mine = (title: string) => ({ title, author: ann.id })
const count = (of: unknown) => fixture.read('system', (db) => db.count(of))

describe('hooks run before and after', () => {
  test.each<[string, string[], (db: Database, id: string) => Promise<unknown>]>([
    ['an insert', ['beforeInsert', 'afterInsert'], (db) => db.insert(Post, mine('B'))],
    [
      'each of many inserts',
      ['beforeInsert', 'afterInsert', 'beforeInsert', 'afterInsert'],
      (db) => db.insert(Post, [mine('B'), mine('C')]),
    ],
    ['an update', ['beforeUpdate', 'afterUpdate'], (db, id) => db.update(Post, id, { title: 'B' })],
    [
      'each update of many',
      ['beforeUpdate', 'afterUpdate', 'beforeUpdate', 'afterUpdate'],
      (db) => db.update(Post, { where: {} }, { amount: '1' }),
    ],
    ['a delete', ['beforeDelete', 'afterDelete'], (db, id) => db.delete(Post, id)],
    [
      'each delete of many',
      ['beforeDelete', 'afterDelete', 'beforeDelete', 'afterDelete'],
      (db) => db.delete(Post, { where: {} }),
    ],
    [
      'an upsert that inserts',
      ['beforeInsert', 'afterInsert'],
      (db) => db.upsert(Post, { match: ['id'], insert: mine('B') }),
    ],
  ])('%s', async (_, expected, work) => {
    const [first] = await write((db) => db.insert(Post, [mine('A'), mine('AA')]))
    for (const who of [ann, 'system'] as const) {
      traces = []
      const undone = new Error('undone')
      await expect(
        fixture.write(who, async (db) => {
          await work(db, first.id)
          throw undone
        }),
      ).rejects.toBe(undone)
      expect(traces).toEqual(expected)
    }
  })

  test('an upsert that finds a row', async () => {
    await write((db) => db.insert(Post, mine('A')))
    traces = []
    const upsert = { match: ['slug'], insert: { title: 'A', slug: 'a' } }
    await fixture.write('system', (db) => db.upsert(Post, upsert))
    expect(traces).toEqual([])
    await fixture.write('system', (db) => db.upsert(Post, { ...upsert, update: { title: 'B' } }))
    expect(traces).toEqual(['beforeUpdate', 'afterUpdate'])
  })
})

describe('what a hook gets and gives', () => {
  test('an insert as it was checked, in order, and its read-only fields', async () => {
    const inputs: unknown[] = []
    hooks.beforeInsert = ({ input }) => {
      inputs.push({ ...input })
      return { ...input, rank: 5, slug: `${input.slug}-1` }
    }
    let seen: unknown
    hooks.afterInsert = ({ row }) => {
      seen = row
    }
    const row = await write((db) => db.insert(Post, { ...mine('Hello'), amount: '1' }))
    // The first hook of this model made the slug, the next one saw it.
    expect(inputs).toEqual([{ ...mine('Hello'), amount: '1.00', slug: 'hello' }])
    expect(row).toMatchObject({ title: 'Hello', slug: 'hello-1', rank: 5, amount: '1.00' })
    expect(seen).toEqual(row)
  })

  test('the key and the patch of an update', async () => {
    const { id } = await write((db) => db.insert(Post, mine('A')))
    const seen: unknown[] = []
    hooks.beforeUpdate = ({ key, patch }) => {
      seen.push(key, { ...patch })
      return { ...patch, slug: 'changed' }
    }
    expect(await write((db) => db.update(Post, id, { title: 'B' }))).toMatchObject({ title: 'B', slug: 'changed' })
    expect(seen).toEqual([id, { title: 'B' }])
    hooks.beforeDelete = ({ key }) => void seen.push(key)
    hooks.afterDelete = ({ row }) => void seen.push(row.slug)
    await write((db) => db.delete(Post, id))
    expect(seen.slice(2)).toEqual([id, 'changed'])
  })

  test('changing the input without returning it changes nothing', async () => {
    hooks.beforeInsert = ({ input }) => {
      input.rank = 99
      input.nothing = 1
    }
    expect(await write((db) => db.insert(Post, mine('A')))).toMatchObject({ rank: 0 })
  })

  test('what it gives is checked', async () => {
    hooks.beforeInsert = ({ input }) => ({ ...input, title: 'x'.repeat(21), rank: 'high' })
    await expect(write((db) => db.insert(Post, mine('A')))).rejects.toMatchObject({
      code: 'validation_failed',
      violations: [
        { path: ['title'], code: 'too_big' },
        { path: ['rank'], code: 'invalid_type' },
      ],
    })
    hooks.beforeInsert = ({ input }) => ({ ...input, nothing: 1 })
    await expect(write((db) => db.insert(Post, mine('A')))).rejects.toMatchObject({ code: 'call_invalid' })
  })

  test('what it leaves out of what the system must give is missing', async () => {
    hooks.beforeInsert = ({ input }) => {
      const { slug, ...rest } = input
      return rest
    }
    await expect(write((db) => db.insert(Post, mine('A')))).rejects.toMatchObject({
      code: 'validation_failed',
      violations: [{ path: ['slug'], code: 'required', message: 'is required' }],
    })
  })

  test('it cannot get a user around the policy, and may refer to what the user does not see', async () => {
    hooks.beforeInsert = ({ input }) => ({ ...input, author: null })
    await write((db) => db.insert(Post, mine('A')))
    const bob = await fixture.write<any>('system', (db) => db.insert(User, { name: 'bob' }))
    hooks.beforeInsert = ({ input }) => ({ ...input, author: bob.id })
    await expect(write((db) => db.insert(Post, mine('B')))).rejects.toMatchObject({ code: 'forbidden' })
  })
})

describe('what a hook throws', () => {
  test.each(names)('%s undoes its write and all that hooks did, and the transaction goes on', async (name) => {
    const { id } = await write((db) => db.insert(Post, mine('A')))
    const refused = new Error('refused')
    const traced = async ({ db }: any) => {
      await db.insert(Trace, { text: name })
    }
    const kind = name.replace(/^before|^after/, '')
    hooks = { [`before${kind}`]: traced }
    hooks[name] = async (context: any) => {
      await traced(context)
      throw refused
    }
    const works: Record<string, (db: Database) => Promise<unknown>> = {
      Insert: (db) => db.insert(Post, mine('B')),
      Update: (db) => db.update(Post, id, { title: 'B' }),
      Delete: (db) => db.delete(Post, id),
    }
    await write(async (db) => {
      await expect(works[kind]!(db)).rejects.toBe(refused)
      await db.insert(Trace, { text: 'goes on' })
    })
    const rest = await fixture.read('system', async (db) => [
      await db.find(Post, { fields: ['title'] }),
      await db.find(Trace, { fields: ['text'] }),
    ])
    expect(rest).toEqual([[{ title: 'A' }], [{ text: 'goes on' }]])
  })

  test('one of many undoes them all', async () => {
    hooks.afterInsert = ({ row }) => {
      if (row.title === 'C') throw new Error('refused')
    }
    await write(async (db) => {
      await expect(db.insert(Post, [mine('A'), mine('B'), mine('C')])).rejects.toThrow('refused')
    })
    expect(await count(Post)).toBe(0)
  })
})

describe('the db of a hook', () => {
  test('acts as whoever writes', async () => {
    hooks.afterInsert = async ({ db }) => {
      await db.insert(Hidden, {})
    }
    await expect(write((db) => db.insert(Post, mine('A')))).rejects.toMatchObject({ code: 'forbidden' })
    hooks.afterInsert = async ({ db }) => {
      await db.asSystem().insert(Hidden, {})
    }
    await write((db) => db.insert(Post, mine('A')))
    expect(await count(Hidden)).toBe(1)
    expect((await fixture.log()).at(-1)).toMatchObject({ actor: 'ann as system' })
  })

  test('sees the write that it belongs to, and may nest a transaction', async () => {
    let seen: number | undefined
    hooks.afterInsert = async ({ db, row }) => {
      seen = await db.count(Post, { where: { id: row.id } })
      await db.transaction((inner: any) => inner.insert(Trace, { text: 'nested' }))
    }
    await write((db) => db.insert(Post, mine('A')))
    expect(seen).toBe(1)
    expect(await count(Trace)).toBe(1)
  })

  test('writes of one db wait for one another, hooks and all', async () => {
    hooks.beforeInsert = async ({ db, input }) => {
      await db.insert(Trace, { text: `before ${input.title}` })
    }
    hooks.afterInsert = async ({ db, row }) => {
      await Promise.all([db.insert(Trace, { text: `after ${row.title}` }), db.insert(Trace, { text: 'also' })])
    }
    await write((db) =>
      Promise.all([
        db.insert(Post, mine('A')),
        db.insert(Post, mine('B')),
        db.update(User, ann.id, {}).catch(() => {}),
        db.insert(Post, mine('C')),
      ]),
    )
    const rows = await fixture.read<any>('system', (db) => db.find(Trace, { fields: ['text'], sort: 'id' }))
    expect(rows.map(({ text }: any) => text)).toEqual(
      ['A', 'B', 'C'].flatMap((title) => [`before ${title}`, `after ${title}`, 'also']),
    )
  })

  test('one write that fails does not take those that wait for it along', async () => {
    hooks.afterInsert = ({ row }) => {
      if (row.title === 'A') throw new Error('refused')
    }
    await write(async (db) => {
      const results = await Promise.allSettled([db.insert(Post, mine('A')), db.insert(Post, mine('B'))])
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    })
    expect(await count(Post)).toBe(1)
  })

  test('hooks may lead to one another 16 deep, and no deeper', async () => {
    const chain = (levels: number) => {
      hooks.afterInsert = async ({ db, row }) => {
        const level = Number(row.title)
        if (level < levels) await db.insert(Post, mine(String(level + 1)))
      }
      return write((db) => db.insert(Post, mine('1')))
    }
    await expect(chain(17)).rejects.toMatchObject({ code: 'hook_loop' })
    expect(await count(Post)).toBe(0)
    await chain(16)
    expect(await count(Post)).toBe(16)
  })
})

test('hooks have names, and no others', () => {
  const definition = new Definition({ User }, User)
  expect(() => definition.hook(User, { onInsert: () => {} } as never)).toThrow(
    expect.objectContaining({ code: 'definition_invalid' }),
  )
  expect(() => definition.hook(Post, {})).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
})
