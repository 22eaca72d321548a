import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Identity, Tokens } from '../../src/access/index.ts'
import { Idempotency } from '../../src/commit/index.ts'
import { MonoblocError } from '../../src/errors.ts'
import type { Answer, HttpHost, Unit } from '../../src/http/index.ts'
import { createHttpHost } from '../../src/runtime/http-host.ts'
import type { Row } from '../../src/schema/index.ts'
import { type Data, Note, openUnits, Tag, type UnitFixture, User } from './unit-fixture.ts'

let fixture: UnitFixture<Data>
let host: HttpHost<any>
let identity: Identity
let ann: Row<typeof User>
let bob: Row<typeof User>

beforeEach(async () => {
  fixture = await openUnits()
  const { storage, queries, units } = fixture
  ;[ann, bob] = (await fixture.write('system', (db) => db.insert(User, [{ name: 'ann' }, { name: 'bob' }]))) as [
    Row<typeof User>,
    Row<typeof User>,
  ]
  const tokens = new Tokens({ secret: 'x'.repeat(32), issuer: 'press', lifetime: 60 })
  identity = new Identity({ storage, queries, tokens, user: User })
  host = createHttpHost({ units, idempotency: new Idempotency(storage, queries), identity })
})
afterEach(() => fixture.close())

const answer = (body: unknown): Answer => ({ status: 200, headers: [], body: JSON.stringify(body), tag: null })
const code = (expected: string) => expect.objectContaining({ code: expected })

function unit(change: Partial<Unit> = {}): Unit<any> {
  const label = 'POST /tags'
  return {
    mode: 'write',
    user: ann,
    deadline: 5000,
    label,
    arriving: false,
    cause: 'request-1',
    trace: null,
    idempotency: null,
    ...change,
  }
}

const keyed = (change: Partial<Unit> = {}) =>
  unit({ idempotency: { key: 'k', route: 'POST /tags', fingerprint: 'f' }, ...change })
const tag = (name: string) => async (scope: { db: unknown }) => answer(await (scope.db as Data).insert(Tag, { name }))
const tags = () => fixture.read('system', async (db) => (await db.find(Tag, { sort: 'name' })).map(({ name }) => name))

const newTrace = expect.stringMatching(/^[0-9a-f]{32}$/)

test('the log says who it was, for which request, and in which trace', async () => {
  await host.run(unit({ trace: '0af7651916cd43dd8448eb211c80319c' }), tag('a'))
  await host.run(unit({ mode: false, cause: 'request-2' }), tag('b'))
  await host.run(unit({ user: null }), async ({ db }) =>
    answer(await (db as Data).asSystem().insert(Tag, { name: 'c' })),
  )
  expect((await fixture.log()).slice(1)).toMatchObject([
    { actor: ann.id, cause: 'request-1', trace: '0af7651916cd43dd8448eb211c80319c' },
    { actor: ann.id, cause: 'request-2', trace: newTrace },
    { actor: null, cause: 'request-1', trace: newTrace },
  ])
})

test('a write acts as the user is when it begins, and for nobody who is gone', async () => {
  await fixture.write('system', (db) => db.update(User, ann.id, { role: 'admin' }))
  const { id } = await fixture.write('system', (db) => db.insert(Note, { title: 'a', owner: bob.id, public: true }))
  // The role that the row of the request does not have yet.
  await host.run(unit(), async ({ db, user }) => {
    expect(user).toMatchObject({ role: 'admin' })
    return answer(await (db as Data).delete(Note, id))
  })
  await fixture.write('system', (db) => db.delete(User, ann.id))
  await expect(host.run(unit(), tag('a'))).rejects.toEqual(code('invalid_token'))
  expect(await tags()).toEqual([])
})

test('prepare reads and does not write', async () => {
  expect(await host.prepare(unit(), ({ db }) => (db as Data).count(User))).toBe(2)
  await expect(host.prepare(unit(), tag('a'))).rejects.toEqual(code('transaction_read_only'))
})

describe.each([['write'], [false]] as const)('an Idempotency-Key with transaction %s', (mode) => {
  test('is answered again without being carried out again', async () => {
    const first = await host.run(keyed({ mode }), tag('a'))
    const second = await host.run(keyed({ mode }), tag('b'))
    expect(second).toMatchObject({ status: 200, headers: [] })
    expect(Buffer.from(second.body as Uint8Array).toString()).toBe(first.body)
    expect(await tags()).toEqual(['a'])
  })

  test('is of one user and of nobody else', async () => {
    await host.run(keyed({ mode }), tag('a'))
    await host.run(keyed({ mode, user: bob }), tag('b'))
    const asNobody = async ({ db }: { db: unknown }) => answer(await (db as Data).asSystem().insert(Tag, { name: 'c' }))
    await host.run(keyed({ mode, user: null }), asNobody)
    expect(await tags()).toEqual(['a', 'b', 'c'])
  })

  test('that was refused may be sent again', async () => {
    const refused = () => Promise.reject(new MonoblocError('not_found'))
    await expect(host.run(keyed({ mode }), refused)).rejects.toEqual(code('not_found'))
    const thrown = () => {
      throw new MonoblocError('conflict')
    }
    await expect(host.run(keyed({ mode }), thrown)).rejects.toEqual(code('conflict'))
    await host.run(keyed({ mode }), tag('a'))
    expect(await tags()).toEqual(['a'])
  })

  test('whose work failed in an unknown way', async () => {
    await expect(host.run(keyed({ mode }), () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    const again = host.run(keyed({ mode }), tag('a'))
    if (mode) {
      // It was undone, so that it can run again.
      await again
      expect(await tags()).toEqual(['a'])
    } else {
      await expect(again).rejects.toEqual(code('outcome_unknown'))
      expect(await tags()).toEqual([])
    }
  })

  test('can keep no stream', async () => {
    const streamed = async () => ({ ...answer(''), body: new ReadableStream() as never })
    await expect(host.run(keyed({ mode }), streamed)).rejects.toEqual(code('definition_invalid'))
  })
})
