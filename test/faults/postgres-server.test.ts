// The servers that campaigns kill, and the proxy before them: what they are told to do happens, and nothing is left of them.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bouncer } from './bouncer.ts'
import { whyNoBouncer, whyNoPostgres } from './postgres-programs.ts'
import { type Cut, PostgresProxy } from './postgres-proxy.ts'
import { PostgresServer } from './postgres-server.ts'
import { isThere } from './processes.ts'

const missing = whyNoPostgres()
const within = { timeout: 60_000, interval: 20 }

describe.skipIf(missing)(`a PostgreSQL server of our own${missing ? ` (${missing})` : ''}`, () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await PostgresServer.create()
    await server.query('create table made (name text)')
  })
  afterAll(() => server.remove())

  const isMade = async (name: string) => (await server.query('select from made where name = $1', [name])).length === 1

  test('keeps what was committed when it is killed', async () => {
    await server.query("insert into made values ('kept')")
    await server.kill()
    await server.start()
    expect(await isMade('kept')).toBe(true)
  })

  test('hands over to its standby, and follows it from then on', { timeout: 180_000 }, async () => {
    const [first, second] = [await PostgresServer.create(), await PostgresServer.create()]
    try {
      await second.follow(first)
      await first.waitForStandby()
      await first.query('create table made (name text)')
      await first.kill()
      await second.promote()
      await second.query("insert into made values ('after')")
      await first.follow(second)
      await second.waitForStandby()
      await expect.poll(() => first.query('select name from made'), within).toEqual([{ name: 'after' }])
    } finally {
      await first.remove()
      await second.remove()
    }
  })

  test('leaves neither processes nor files behind', async () => {
    const other = await PostgresServer.create()
    const processes = other.processes('')
    expect(processes.length).toBeGreaterThan(2)
    expect(existsSync(other.log)).toBe(true)
    await other.remove()
    expect(processes.filter(isThere)).toEqual([])
    expect(existsSync(path.dirname(other.log))).toBe(false)
  })

  /** Inserts in a transaction through the proxy. @returns whether the COMMIT was answered */
  async function insert(proxy: PostgresProxy, name: string): Promise<boolean> {
    const client = new Client({ connectionString: proxy.url('postgres') })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('begin')
      await client.query('insert into made values ($1)', [name])
      await client.query('commit')
      return true
    } catch {
      return false
    } finally {
      await client.end().catch(() => {})
    }
  }

  test.each<[Cut, boolean]>([
    ['before', false],
    ['sent', true],
    ['late', true],
    ['answered', true],
    ['torn', true],
    ['inside', false],
  ])('a connection that is cut %s: whether the transaction is there in the end is %s', async (cut, isThere) => {
    const proxy = await PostgresProxy.listen(server.port)
    try {
      expect(await insert(proxy, `${cut} through`)).toBe(true)
      const struck = proxy.strike(cut)
      expect(await insert(proxy, cut)).toBe(false)
      await struck
      await expect.poll(() => quiet(server), within).toBe(true)
      expect(await isMade(cut)).toBe(isThere)
      expect(await insert(proxy, `${cut} after`)).toBe(true)
    } finally {
      await proxy.close()
    }
  })

  test.each<[Cut, boolean]>([
    ['silent', false],
    ['deaf', true],
  ])('a connection that falls %s stays open', async (cut, isThere) => {
    const proxy = await PostgresProxy.listen(server.port)
    const struck = proxy.strike(cut)
    const inserting = insert(proxy, cut)
    await struck
    if (isThere) await expect.poll(() => isMade(cut), within).toBe(true)
    await proxy.close()
    expect(await inserting).toBe(false)
    await expect.poll(() => quiet(server), within).toBe(true)
    expect(await isMade(cut)).toBe(isThere)
  })

  test('PgBouncer passes on', async ({ skip }) => {
    const why = whyNoBouncer()
    skip(why !== undefined, why)
    const bouncer = await Bouncer.start(server.port)
    const client = new Client({ connectionString: bouncer.url('postgres') })
    try {
      await client.connect()
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    } finally {
      await client.end()
      await bouncer.remove()
    }
  })
})

async function quiet(server: PostgresServer): Promise<boolean> {
  const busy = await server.query(
    "select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle'",
  )
  return busy.length === 0
}
