// What is read from PostgreSQL is what the checkers look at: a database that is right, and ones made wrong in one way.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Acknowledged } from './acknowledged.ts'
import { checkContents } from './check.ts'
import { checkAnswers } from './check-answers.ts'
import { readPostgres } from './contents-postgres.ts'
import { Fleet } from './fleet.ts'
import type { Operation } from './operation.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { PostgresServer } from './postgres-server.ts'
import { Workload } from './workload.ts'

const missing = whyNoPostgres()

describe.skipIf(missing)(`a PostgreSQL database${missing ? ` (${missing})` : ''}`, () => {
  const ledger = new Acknowledged()
  const workload = new Workload(1, 4, ledger)
  let server: PostgresServer
  let copies = 0

  beforeAll(async () => {
    server = await PostgresServer.create()
    await server.query('create database app')
    const fleet = await Fleet.start([server.url('app'), server.url('app')])
    await workload.run(fleet, 60)
    await fleet.stop()
    expect(fleet.violations).toEqual([])
    // Positions are given when the log is read.
    await readPostgres(server.url('app'))
  })
  afterAll(() => server.remove())

  /** What is found in a copy to which this was done, without triggers and foreign keys. */
  async function after(sql: string): Promise<string> {
    const name = `copy_${++copies}`
    await server.query(`create database ${name} template app`)
    await server.query("set session_replication_role = 'replica'; " + sql, [], name)
    return checkContents(await readPostgres(server.url(name)), ledger).join('\n')
  }

  test('is right after a calm run, and each kind of request was in it', async () => {
    expect(await after('')).toBe('')
    expect(workload.violations).toEqual([])
    expect(checkAnswers(ledger)).toEqual([])
    const kinds: Operation['kind'][] = ['note', 'transfer', 'hit', 'order', 'outside']
    expect(kinds.filter((kind) => !ledger.of(kind).some(({ outcome }) => outcome === 'acknowledged'))).toEqual([])
  })

  test.each([
    [
      'a transfer is lost',
      'delete from transfer where id = (select min(id::text)::uuid from transfer)',
      /transfer \S+ \(acknowledged\) is lost/,
    ],
    [
      'half a transfer',
      'delete from entry where id = (select max(id) from entry)',
      /transfer \S+ \(acknowledged\) is there as/,
    ],
    ['a note has another content', "update note set body = 'x'", /note \S+ is ".* where(.|\n)*log: note holds/],
    [
      'a hit happened twice',
      'insert into hit (request, counter, value) select request, counter, value from hit limit 1',
      /hit \S+ \(acknowledged\) is there as/,
    ],
    ['an order lost its lines', 'delete from line', /order \S+ \(acknowledged\) is there as/],
    ['a mark is missing', 'delete from mark where step = 2', /outside \S+ \(acknowledged\) left \[1\]/],
    ['a reference to nothing', 'delete from account', /foreign key/],
    ['a cause is gone', 'update monobloc_commit set cause = null', /is 0 transactions/],
    [
      'a transaction is missing',
      'delete from monobloc_commit where position = 5',
      /log: position \d+ stands where \d+ is due/,
    ],
  ])('%s: is seen', async (_, sql, message) => {
    expect(await after(sql)).toMatch(message)
  })
})
