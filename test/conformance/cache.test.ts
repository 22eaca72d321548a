import { backend, define, type Endpoint, group, MonoblocError } from 'monobloc'
import { testBackend } from 'monobloc/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { Draft, Note, Tag, User } from './cache-app.ts'
import { type CacheRun, type CacheWorld, cacheWorld } from './cache-fixture.ts'

let world: CacheWorld
let run: CacheRun
let ids: { ann: number; bob: number; eve: number; red: number; blue: number; secret: number; notes: number[] }

beforeEach(async () => {
  world = await cacheWorld()
  run = await world.start()
  ids = await run.write(async (db) => {
    const [ann, bob, eve] = await db.insert(User, [{ name: 'ann' }, { name: 'bob' }, { name: 'eve', role: 'admin' }])
    const [red, blue, secret] = await db.insert(Tag, [{ name: 'red' }, { name: 'blue' }, { name: 'x', hidden: true }])
    const notes: number[] = []
    for (let at = 1; at <= 12; at++) {
      const owner = at % 2 ? ann.id : bob.id
      const tags = at === 1 ? [red.id, secret.id] : at === 2 ? [blue.id] : []
      notes.push((await db.insert(Note, { title: `n${at}`, rank: at, owner, tags, open: at < 11 })).id)
    }
    await db.insert(Draft, [
      { text: 'of ann', owner: ann.id },
      { text: 'of eve', owner: eve.id },
    ])
    const [redId, blueId, secretId] = [red.id, blue.id, secret.id]
    return { ann: ann.id, bob: bob.id, eve: eve.id, red: redId, blue: blueId, secret: secretId, notes }
  })
})

/** Asks until it is kept: on a server elsewhere the first answers may be made before changes are heard of. */
async function keep(target: string, headers?: Record<string, string>): Promise<void> {
  for (let tries = 0; tries < 50; tries++) if (await run.isKept(target, headers)) return
  throw new Error(`${target} is never kept`)
}

type Write = (db: any) => Promise<unknown>

const note = (at: number) => ids.notes[at - 1]!

/** By address: what leaves its answer as it is, and what changes it. */
const cases: Record<string, { at: () => string; keeps: Record<string, Write>; drops: Record<string, Write> }> = {
  'a row': {
    at: () => `/notes/${note(1)}`,
    keeps: {
      'another row': (db) => db.update(Note, note(2), { title: 'x' }),
      'a new row': (db) => db.insert(Note, { title: 'new', owner: ids.ann }),
      'a row of another model': (db) => db.update(Tag, ids.red, { name: 'x' }),
    },
    drops: {
      'its own': (db) => db.update(Note, note(1), { title: 'x' }),
      'its end': (db) => db.delete(Note, note(1), { purge: true }),
      'its deletion': (db) => db.delete(Note, note(1)),
      'that of its owner': (db) => db.delete(User, ids.ann),
      'that it is hidden': (db) => db.update(Note, note(1), { open: false }),
      'all of the table': (db) => db.empty(Note),
    },
  },
  'a filter': {
    at: () => `/notes?rank[gte]=5&rank[lte]=7`,
    keeps: {
      'a row that it leaves out': (db) => db.update(Note, note(2), { title: 'x', rank: 3 }),
      'a new one that it leaves out': (db) => db.insert(Note, { title: 'new', rank: 9, owner: ids.ann }),
      'one that nobody may see': (db) => db.insert(Note, { title: 'new', rank: 6, owner: ids.ann, open: false }),
      'the end of one that it leaves out': (db) => db.delete(Note, note(9), { purge: true }),
    },
    drops: {
      'a row of it': (db) => db.update(Note, note(6), { title: 'x' }),
      'one that comes in': (db) => db.update(Note, note(2), { rank: 6 }),
      'one that goes out': (db) => db.update(Note, note(6), { rank: 1 }),
      'a new one': (db) => db.insert(Note, { title: 'new', rank: 6, owner: ids.ann }),
      'one that may be seen now': (db) => db.update(Note, { where: { rank: 6 } }, { open: false }),
      'one that is deleted': (db) => db.delete(Note, note(6)),
    },
  },
  'a page': {
    at: () => '/notes?sort=rank&limit=3',
    keeps: {
      'a row beyond it': (db) => db.update(Note, note(8), { title: 'x' }),
      'a new one beyond it': (db) => db.insert(Note, { title: 'new', rank: 7, owner: ids.ann }),
      'the end of one beyond it': (db) => db.delete(Note, note(7), { purge: true }),
    },
    drops: {
      'a row of it': (db) => db.update(Note, note(2), { title: 'x' }),
      'a new one at its begin': (db) => db.insert(Note, { title: 'new', rank: 0, owner: ids.ann }),
      'the end of all that follow': (db) => db.delete(Note, { where: { rank: { gt: 3 } } }, { purge: true }),
    },
  },
  'fields of a page': {
    at: () => '/notes?fields=id,title&limit=50',
    keeps: { 'another field': (db) => db.update(Note, note(2), { rank: 44 }) },
    drops: {
      'a field that shows': (db) => db.update(Note, note(2), { title: 'x' }),
      'a field of the policy': (db) => db.update(Note, note(2), { open: false }),
    },
  },
  'an included row': {
    at: () => `/notes/${note(1)}?include=owner`,
    keeps: {
      'another user': (db) => db.update(User, ids.bob, { name: 'x' }),
      'what does not show of it': (db) => db.asSystem().update(User, ids.bob, { password: 'x' }),
    },
    drops: {
      'the included row': (db) => db.update(User, ids.ann, { name: 'x' }),
      'another one': (db) => db.update(Note, note(1), { owner: ids.bob }),
    },
  },
  'included lists': {
    at: () => `/users/${ids.ann}?include=notes.tags`,
    keeps: {
      'a note of another user': (db) => db.update(Note, note(2), { title: 'x' }),
      'the tags of such a one': (db) => db.update(Note, note(2), { tags: [] }),
      'a note that is not seen': (db) => db.insert(Note, { title: 'new', owner: ids.ann, open: false }),
    },
    drops: {
      'a note': (db) => db.update(Note, note(3), { title: 'x' }),
      'a new note': (db) => db.insert(Note, { title: 'new', owner: ids.ann }),
      'a note that is given away': (db) => db.update(Note, note(3), { owner: ids.bob }),
      'a link': (db) => db.update(Note, note(3), { tags: [ids.blue] }),
      'the end of a link': (db) => db.update(Note, note(1), { tags: [] }),
      'a tag': (db) => db.update(Tag, ids.red, { name: 'x' }),
      'a tag that comes to be seen': (db) => db.update(Tag, ids.secret, { hidden: false }),
    },
  },
  'many-to-many': {
    at: () => '/tags?include=notes',
    keeps: { 'a link that nobody sees': (db) => db.update(Tag, ids.secret, { name: 'y' }) },
    drops: {
      'a link': (db) => db.update(Note, note(5), { tags: [ids.blue] }),
      'a linked row': (db) => db.update(Note, note(1), { title: 'x' }),
      'its deletion': (db) => db.delete(Note, note(1)),
    },
  },
  'a filter through a relation': {
    at: () => '/notes?owner.name=ann&limit=50',
    keeps: { 'another field of who is named': (db) => db.update(User, ids.ann, { role: 'admin' }) },
    drops: {
      'a name': (db) => db.update(User, ids.bob, { name: 'ann2' }).then(() => db.update(User, ids.ann, { name: 'x' })),
      'a row': (db) => db.update(Note, note(1), { title: 'x' }),
      'a new row': (db) => db.insert(Note, { title: 'new', owner: ids.ann }),
    },
  },
  'a policy through a relation': {
    at: () => '/drafts',
    keeps: { 'another field of the other model': (db) => db.update(User, ids.ann, { name: 'x' }) },
    drops: {
      'a role': (db) => db.update(User, ids.ann, { role: 'admin' }),
      'a draft': (db) => db.update(Draft, { where: { owner: ids.eve } }, { text: 'x' }),
      'the owner of a draft': (db) => db.delete(User, ids.eve),
    },
  },
}

describe.each(Object.entries(cases))('an answer to %s', (_, { at, keeps, drops }) => {
  test('stays while what it has read stays as it is', async () => {
    for (const [name, write] of Object.entries(keeps)) {
      await keep(at())
      await run.write(write)
      expect(await run.isKept(at()), name).toBe(true)
    }
  })

  test.for(Object.keys(drops))('goes with %s', async (name) => {
    await keep(at())
    const before = await run.get(at())
    await run.write(drops[name]!)
    expect(await run.isKept(at()).catch(() => false)).toBe(false)
    const { text, headers } = await run.get(at())
    expect([text, headers.link]).not.toEqual([before.text, before.headers.link])
  })
})

describe('users', () => {
  test('have answers of their own, but for what everybody may read', async () => {
    const [ann, bob, eve] = [ids.ann, ids.bob, ids.eve].map((id) => run.as({ id }))
    const titles = async (who?: Record<string, string>) => (await run.get('/notes?limit=50', who)).json.length
    for (let tries = 0; tries < 3; tries++)
      expect([await titles(), await titles(ann), await titles(bob), await titles(eve)]).toEqual([10, 11, 11, 12])
    await keep('/notes?limit=50', eve)
    await keep('/users')
    expect(await run.isKept('/users', ann)).toBe(true)
    expect((await run.get('/users', { authorization: 'Bearer wrong' })).status).toBe(401)
  })

  test('lose what they may not read any more', async () => {
    const eve = run.as({ id: ids.eve })
    await keep('/notes?limit=50', eve)
    await run.write((db) => db.update(User, ids.eve, { role: 'member' }))
    expect((await run.get('/notes?limit=50', eve)).json).toHaveLength(10)
  })

  test('get answers of an endpoint that hang on their own row, each their own', async () => {
    const [ann, bob] = [run.as({ id: ids.ann }), run.as({ id: ids.bob })]
    await keep('/mine', ann)
    await keep('/mine', bob)
    expect((await run.get('/mine', ann)).json).toEqual({ name: 'ann', notes: 6 })
    await run.write((db) => db.update(User, ids.ann, { name: 'anna' }))
    expect((await run.get('/mine', ann)).json).toEqual({ name: 'anna', notes: 6 })
    expect(await run.isKept('/mine', bob)).toBe(true)
    expect((await run.get('/mine')).status).toBe(401)
  })
})

test('who may not read any more what the policy gave when an answer was made does not get it', async () => {
  const { policy, resource } = define({ models: { User, Tag }, user: User })
  let asked = 0
  policy(User, { anyone: { read: true } })
  policy(Tag, { read: ({ user }) => asked++ === 0 || { name: user.name } })
  const at = (model: typeof User | typeof Tag, at: `/${string}`) =>
    resource(model, { at, actions: ['list'], cache: true })
  await using app = await testBackend(backend({ serve: [at(User, '/users'), at(Tag, '/tags')] }))
  const ann = app.as(await app.db.insert(User, { name: 'ann' }))
  await app.db.insert(Tag, [{ name: 'ann' }, { name: 'bob' }])
  // From now on changes are heard of.
  for (let times = 0; times < 2; times++) await ann.get('/users')
  expect((await ann.get('/tags')).body).toHaveLength(2)
  expect((await ann.get('/tags')).body).toHaveLength(1)
})

describe('what is never kept', () => {
  test.for(['/told', '/cookie', '/never', '/by-text'])('%s', async (at) => {
    // A read of SQL by hand starts over once, in a reader process.
    await run.get(at)
    const before = run.calls()
    for (let times = 0; times < 4; times++) expect((await run.get(at)).status).toBe(200)
    expect(run.calls()).toBe(before + 4)
  })

  test('what passes a before hook, which may let one through and refuse the next', async () => {
    const { endpoint, policy, resource } = define({ models: { User, Tag }, user: User })
    policy(Tag, { anyone: { read: true } })
    policy(User, { anyone: { read: true } })
    const before = ({ user }: { user: { name: string } | null }) => {
      if (user?.name !== 'ann') throw new MonoblocError('forbidden')
    }
    const read = { anyone: true, cache: true, handle: ({ db }: any) => db.find(Tag) } as const
    const inGroup = group({ at: '/group', before, serve: [resource(Tag, { at: '/tags', cache: true })] })
    const own = endpoint('GET /own', { ...read, before } as any) as Endpoint
    const kept = resource(User, { at: '/users', cache: true })
    await using app = await testBackend(backend({ serve: [inGroup, own, kept] }))
    const ann = app.as(await app.db.insert(User, { name: 'ann' }))
    for (const at of ['/group/tags', '/own']) {
      for (let times = 0; times < 4; times++) expect((await ann.get(at)).status).toBe(200)
      expect([at, (await app.get(at)).status]).toEqual([at, 403])
    }
  })

  test('errors', async () => {
    for (let times = 0; times < 3; times++) expect(await run.isKept('/notes/999999').catch(() => false)).toBe(false)
  })
})

describe('a cached function', () => {
  test('is computed again when its rows change, and not when others do', async () => {
    await run.get('/top')
    await run.get('/top')
    const before = run.calls()
    const first = await run.get('/top')
    await run.write((db) => db.update(Note, note(1), { title: 'x' }))
    expect((await run.get('/top')).text).toBe(first.text)
    expect(run.calls()).toBe(before)
    await run.write((db) => db.update(Note, note(5), { title: 'changed' }))
    expect((await run.get('/top')).text).toContain('changed')
    expect(run.calls()).toBe(before + 1)
  })

  test('is computed once for all who ask for it at once', async () => {
    await keep(`/notes/${note(1)}`)
    await run.get('/top')
    await run.get('/top')
    await run.write((db) => db.update(Note, note(5), { title: 'changed' }))
    // Who asks for something that is kept hears of the change.
    await run.get(`/notes/${note(1)}`)
    const before = run.calls()
    const answers = await Promise.all(Array.from({ length: 10 }, () => run.get('/top')))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(run.calls()).toBe(before + 1)
  })

  test('drops the answers that are made of it', async () => {
    await keep('/tops')
    await run.write((db) => db.update(Note, note(5), { title: 'changed' }))
    expect((await run.get('/tops')).text).toContain('changed')
  })

  test.for(['/by-sql', '/declared'])('of SQL that says what it reads is kept: %s', async (at) => {
    await run.get(at)
    await run.get(at)
    const before = run.calls()
    await run.write((db) => db.update(Note, note(1), { title: 'x' }))
    await run.get(at)
    expect(run.calls()).toBe(before)
    await run.write((db) => db.asSystem().sql.updateTable('tag').set({ name: 'by sql' }).execute())
    expect((await run.get(at)).text).toContain('by sql')
  })
})

describe('a write of another process', () => {
  test('is seen by who asks after it: another app', async () => {
    const other = await world.start()
    await keep('/notes?sort=rank&limit=3')
    for (let times = 0; times < 5; times++) {
      await other.write((db) => db.update(Note, note(1), { title: `from afar ${times}` }))
      expect((await run.get('/notes?sort=rank&limit=3')).text).toContain(`from afar ${times}`)
    }
    await keep('/notes?sort=rank&limit=3')
    await other.write((db) => db.update(Note, note(9), { title: 'elsewhere' }))
    expect(await run.isKept('/notes?sort=rank&limit=3')).toBe(true)
  })

  test('is seen by who asks after it: a program that knows nothing of Monobloc', async () => {
    await keep('/notes/1')
    await world.outside(`update note set title = 'from outside' where id = 1`)
    expect((await run.get('/notes/1')).text).toContain('from outside')
    await keep('/notes/1')
    await world.outside(`update note set title = 'another' where id = 2`)
    expect(await run.isKept('/notes/1')).toBe(true)
    await world.outside(`delete from "user" where name = 'ann'`)
    expect((await run.get('/notes/1')).status).toBe(404)
  })
})

describe('an answer that is kept', () => {
  test('is the same answer, but for its id and date', async () => {
    const made = await run.get('/notes/1')
    await keep('/notes/1')
    const kept = await run.get('/notes/1')
    const fields = ({ 'x-request-id': _, date: __, ...rest }: Record<string, unknown>) => rest
    expect(fields(kept.headers)).toEqual(fields(made.headers))
    expect(kept.headers['x-request-id']).not.toBe(made.headers['x-request-id'])
    expect(kept.text).toBe(made.text)
    const known = await run.get('/notes/1', { 'if-none-match': kept.headers.etag as string })
    expect([known.status, known.text]).toEqual([304, ''])
    expect((await run.get('/notes/1', { accept: 'text/html' })).status).toBe(406)
  })

  test('is encoded for who takes that', async () => {
    await run.write((db) => db.update(Note, note(1), { body: 'long '.repeat(1000) }))
    await keep('/notes/1')
    const encoded = await run.get('/notes/1', { 'accept-encoding': 'gzip' })
    expect(encoded.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    expect((await run.get('/notes/1')).headers).toMatchObject({ vary: 'Accept-Encoding' })
    expect((await run.get('/notes/1')).text).toContain('long long')
  })

  test('ends with its time to live', async () => {
    let now = Date.now()
    run = await world.start({ now: () => now })
    await keep('/brief')
    now += 29_999
    expect(await run.isKept('/brief')).toBe(true)
    now += 1
    expect(await run.isKept('/brief')).toBe(false)
  })

  test('is left out where no room is given', async () => {
    run = await world.start({ cache: 0 })
    expect(run.app.cache).toBeUndefined()
    expect((await run.get('/notes/1')).status).toBe(200)
  })
})
