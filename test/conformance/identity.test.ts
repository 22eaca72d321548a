import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { Definition, Identity, Tokens } from '../../src/access/index.ts'
import { type AnyModel, model, t } from '../../src/schema/index.ts'
import { openUnits, type UnitFixture } from './unit-fixture.ts'

const secret = 'a secret of at least thirty-two bytes'
const clock = { now: 1_800_000_000_000 }

let fixture: UnitFixture<any>
afterEach(() => fixture.close())

async function identityOf(user: AnyModel, rows: object[], schemes?: string[]) {
  fixture = await openUnits<any>(new Definition({ User: user }, user))
  const tokens = new Tokens({ secret, issuer: 'press', lifetime: 60, now: () => clock.now })
  const { storage, queries } = fixture
  const people: any[] = await fixture.write('system', (db) => db.insert(user, rows))
  return { identity: new Identity({ storage, queries, tokens, user, schemes }), people, tokens }
}

const User = model('user', { id: t.id(), name: t.text(), password: t.text().writeOnly().nullable() })
const two = [{ name: 'ann', password: 'hash' }, { name: 'bob' }]
const invalid = expect.objectContaining({ code: 'invalid_token', status: 401 })

describe('a token finds its user again', () => {
  test.each<[string, AnyModel, object[]]>([
    ['a UUID', User, two],
    ['a number of the database', model('user', { id: t.serial(), name: t.text() }), [{ name: 'ann' }, { name: 'bob' }]],
    [
      'a number',
      model('user', { n: t.integer(), name: t.text() }, { key: ['n'] }),
      [
        { n: -7, name: 'ann' },
        { n: 0, name: 'bob' },
      ],
    ],
    [
      '64 bits',
      model('user', { n: t.bigint(), name: t.text() }, { key: ['n'] }),
      [
        { n: 2n ** 62n, name: 'ann' },
        { n: 1n, name: 'bob' },
      ],
    ],
    ['text', model('user', { name: t.text() }, { key: ['name'] }), [{ name: 'ann' }, { name: '17' }]],
    ['text of any script', model('user', { name: t.text() }, { key: ['name'] }), [{ name: '安 "x"' }, { name: ' ' }]],
    [
      'a decimal',
      model('user', { d: t.decimal(5, 2), name: t.text() }, { key: ['d'] }),
      [
        { d: '1.50', name: 'ann' },
        { d: '0', name: 'bob' },
      ],
    ],
    [
      'an instant',
      model('user', { at: t.timestamp(), name: t.text() }, { key: ['at'] }),
      [
        { at: new Date(5), name: 'ann' },
        { at: new Date(6), name: 'bob' },
      ],
    ],
  ])('by a key that is %s', async (_, user, rows) => {
    const { identity, people } = await identityOf(user, rows)
    for (const person of people) {
      const header = `Bearer ${identity.issue(person)}`
      expect(await identity.identify(header)).toEqual(person)
      // Known by now, and found without waiting.
      expect(await identity.identify(header)).toEqual(person)
    }
  })

  test('as they are now, without what nobody may see', async () => {
    const { identity, people } = await identityOf(User, two)
    const header = `Bearer ${identity.issue(people[0])}`
    await fixture.write('system', (db) => db.update(User, people[0].id, { name: 'anna' }))
    expect(await identity.identify(header)).toEqual({ id: people[0].id, name: 'anna' })
  })
})

describe('what is no valid token is refused', () => {
  test('nobody is identified without credentials', async () => {
    const { identity } = await identityOf(User, two)
    expect(await identity.identify(undefined)).toBe(null)
  })

  test('a token that has expired, though it was seen before', async () => {
    const { identity, people } = await identityOf(User, two)
    const header = `Bearer ${identity.issue(people[0])}`
    await identity.identify(header)
    clock.now += 60_000
    expect(() => identity.identify(header)).toThrow(invalid)
  })

  test('a token of a user who is gone', async () => {
    const { identity, people } = await identityOf(User, two)
    const header = `Bearer ${identity.issue(people[0])}`
    await identity.identify(header)
    await fixture.write('system', (db) => db.delete(User, people[0].id))
    await expect(Promise.try(() => identity.identify(header))).rejects.toEqual(invalid)
    await expect(
      fixture.units.write({ deadline: 1000 }, null, (_, session) => identity.again(session, people[0])),
    ).rejects.toEqual(invalid)
  })

  test('a token for what can be no key', async () => {
    const { identity, tokens } = await identityOf(User, two)
    for (const subject of ['ann', '', '1', 'null', "' or 1=1 --"]) {
      await expect(identity.identify(`Bearer ${tokens.issue(subject)}`)).rejects.toEqual(invalid)
    }
  })

  test('a forged token, and credentials of another kind', async () => {
    const { identity, people } = await identityOf(User, two)
    const [header, payload, signature] = identity.issue(people[0]).split('.') as [string, string, string]
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const other = Buffer.from(JSON.stringify({ ...claims, sub: people[1].id })).toString('base64url')
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')
    const signed = (key: string) => createHmac('sha256', key).update(`${header}.${other}`).digest('base64url')
    for (const token of [
      `${header}.${other}.${signature}`,
      `${header}.${other}.${signed('another secret of thirty-two bytes!!')}`,
      `${none}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature.slice(1)}`,
    ]) {
      await expect(Promise.try(() => identity.identify(`Bearer ${token}`))).rejects.toEqual(invalid)
    }
    for (const credentials of ['', 'Basic YTpi', `Token ${header}.${payload}.${signature}`, 'Bearer']) {
      expect(() => identity.identify(credentials)).toThrow(invalid)
    }
    expect(await identity.identify(`Bearer ${header}.${other}.${signed(secret)}`)).toEqual(people[1])
  })

  test('other words stand before the token where the app says so', async () => {
    const { identity, people } = await identityOf(User, two, ['Token', 'Bearer'])
    const token = identity.issue(people[0])
    for (const word of ['Token', 'bearer', 'TOKEN'])
      expect(await identity.identify(`${word} ${token}`)).toEqual(people[0])
  })
})

test('a token is issued for a row of the user model only', async () => {
  const { identity } = await identityOf(User, two)
  for (const row of [{}, { name: 'ann' }, { id: null }]) {
    expect(() => identity.issue(row)).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
  }
})
