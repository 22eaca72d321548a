// Each checker sees what it is for: a database that is right is made wrong in one way, and it says so.
import { closeSync, cpSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Acknowledged, type Outcome } from './acknowledged.ts'
import { checkDatabase } from './check.ts'
import { checkAnswers } from './check-answers.ts'
import type { Operation } from './operation.ts'
import { readReloaded } from './reload-contents.ts'
import { Server } from './server.ts'
import { isBusyAtDeadline } from './storm.campaign.ts'
import { Workload } from './workload.ts'

let folder: string
let file: string
const ledger = new Acknowledged()

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'check-'))
  file = path.join(folder, 'app.db')
  const server = Server.spawn({ database: file })
  await new Workload(1, 4, ledger).run((await server.listening())!, 60)
  await server.stop()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What is found once this was done to the database. */
async function after(sql: string): Promise<string[]> {
  const copy = path.join(mkdtempSync(path.join(folder, 'copy-')), 'app.db')
  cpSync(file, copy)
  const database = new DatabaseSync(copy, { enableForeignKeyConstraints: false })
  database.exec(sql)
  database.close()
  return checkDatabase(copy, ledger)
}

/** The same without the log's triggers: only the tables change. */
const behindTheLog = (sql: string) => after(`pragma recursive_triggers = off; ${dropTriggers()} ${sql}`)

function dropTriggers(): string {
  const database = new DatabaseSync(file)
  const names = database
    .prepare("select name from sqlite_schema where type = 'trigger' and name like 'monobloc_log_%'")
    .all()
  database.close()
  return names.map(({ name }) => `drop trigger "${name}";`).join(' ')
}

test('a database after a calm run is right, and each kind of request was in it', async () => {
  expect(await after('select 1')).toEqual([])
  expect(checkAnswers(ledger)).toEqual([])
  const kinds: Operation['kind'][] = ['note', 'transfer', 'hit', 'order', 'outside']
  expect(kinds.filter((kind) => !ledger.of(kind).some(({ outcome }) => outcome === 'acknowledged'))).toEqual([])
})

const oneNote = 'where id = (select id from note where length(title) > 0 order by id limit 1)'

test.each([
  ['a note is lost', `delete from note ${oneNote}`, /note \S+ is absent where/],
  ['a note has an older content', `update note set body = 'old' ${oneNote}`, /note \S+ is ".* where/],
  ['a note lost a tag', 'delete from note_tags where note = (select min(note) from note_tags)', /note \S+ is .* where/],
  [
    'a note that nobody wrote',
    "insert into note select '00000000-0000-7000-8000-000000000001', 'x', title, body, updatedAt, version from note limit 1",
    /nobody wrote it/,
  ],
  [
    'a transfer is lost',
    'delete from transfer where id = (select min(id) from transfer)',
    /transfer \S+ \(acknowledged\) is lost/,
  ],
  [
    'half a transfer',
    'delete from entry where id = (select max(id) from entry)',
    /transfer \S+ \(acknowledged\) is there as/,
  ],
  [
    'a balance is off',
    "update account set balance = balance + 1 where name like '%-0'",
    /account-0 has \d+ where its entries make \d+/,
  ],
  ['money appears', "update account set balance = balance + 1 where name like '%-0'", /accounts hold 8001 together/],
  ['a hit is lost', 'delete from hit where id = (select max(id) from hit)', /hit \S+ \(acknowledged\) is lost/],
  [
    'a hit happened twice',
    'insert into hit select null, request, counter, value from hit limit 1',
    /hit \S+ \(acknowledged\) is there as/,
  ],
  ['a counter missed one', 'update counter set value = value - 1', /counter \w+ is at/],
  [
    'an order lost a line',
    'delete from line where rowid in (select min(rowid) from line)',
    /order \S+ \(acknowledged\) is there as/,
  ],
  [
    'an order kept an undone line',
    'insert into line select id, \'undone\', 1, 100 from "order" limit 1',
    /order \S+ \(acknowledged\) is there as/,
  ],
  ['a refused request left something', "insert into mark select null, 'REFUSED', 1", /refusal \S+ \(refused\) left/],
  [
    'half of what was acknowledged outside a transaction',
    'delete from mark where step = 2',
    /outside \S+ \(acknowledged\) left \[1\]/,
  ],
  ['a reference to nothing', 'delete from account', /foreign key/],
])('%s: is seen in the tables', async (_, sql, message) => {
  const refused = ledger.of('refusal')[0]!.operation.id
  expect((await behindTheLog(sql.replace('REFUSED', refused))).join('\n')).toMatch(message)
})

const newest = '(select max(position) from monobloc_commit)'

test.each([
  ['a change that the log has not', dropTriggersThen("update note set title = 'x' " + oneNote), /log: note holds/],
  [
    'a transaction is missing',
    `delete from monobloc_commit where position = ${newest} - 1`,
    /log: position \d+ stands where \d+ is due/,
  ],
  [
    'an entry is missing',
    `delete from monobloc_log where sequence = (select max(sequence) from monobloc_log) - 1`,
    /^log: /m,
  ],
  [
    'an entry comes twice',
    'update monobloc_commit set last = last + 1 where position = 5',
    /log: entry \d+ comes after \d+/,
  ],
  [
    'a change from outside',
    "update account set version = version + 1 where name like '%-0'",
    /from outside|log: account holds/,
  ],
  ['a cause is gone', `update monobloc_commit set cause = null where position = ${newest}`, /is 0 transactions/],
  [
    'one request is two transactions',
    `update monobloc_commit set cause = (select cause from monobloc_commit where position = ${newest}) where position = ${newest} - 1`,
    /is 2 transactions/,
  ],
])('%s: is seen in the log', async (_, sql, message) => {
  expect((await after(typeof sql === 'function' ? sql() : sql)).join('\n')).toMatch(message)
})

function dropTriggersThen(sql: string) {
  return () => `${dropTriggers()} ${sql}`
}

test('a damaged page is seen', async () => {
  const copy = path.join(folder, 'damaged.db')
  cpSync(file, copy)
  const database = new DatabaseSync(file)
  const { rootpage } = database.prepare("select rootpage from sqlite_schema where name = 'note'").get() as {
    rootpage: number
  }
  database.close()
  const handle = openSync(copy, 'r+')
  writeSync(handle, Buffer.alloc(64, 7), 0, 64, (rootpage - 1) * 4096)
  closeSync(handle)
  expect((await checkDatabase(copy, ledger)).join('\n')).toMatch(/integrity_check/)
})

test('what nobody got an answer for is settled by what is there, and must stay so', async () => {
  const [hit] = ledger.of('hit').filter(({ outcome }) => outcome === 'acknowledged')
  const settled = async (outcome: Outcome, sql: string) => {
    const answer = hit!.answer
    Object.assign(hit!, { outcome, answer: undefined })
    await behindTheLog(sql)
    const found = hit!.outcome
    Object.assign(hit!, { outcome: 'acknowledged', answer })
    return found
  }
  expect(await settled('unknown', 'select 1')).toBe('kept')
  expect(await settled('unknown', `delete from hit where request = '${hit!.operation.id}'`)).toBe('gone')
})

test('an answer that the file is locked is right at the deadline only, and no other word of a lock ever is', () => {
  const answered = (code: string, answeredAt: number, retryAfter?: string) => {
    const refusal = { status: 503, body: JSON.stringify({ code }), declared: '', retryAfter }
    const operation: Operation = { id: 'a', kind: 'outside' }
    return isBusyAtDeadline({ operation, outcome: 'refused', refusal, sentAt: 0, answeredAt })
  }
  expect(answered('database_busy', 10_000, '1')).toBe(true)
  expect(answered('database_busy', 5_000, '1')).toBe(false)
  expect(answered('database_busy', 10_000)).toBe(false)
  expect(answered('overloaded', 10_000, '1')).toBe(false)
})

test.each([
  ['a row is lost', 'delete from "order" where request = \'b\'', 'b is lost in order'],
  ['a job is lost', "delete from receipt where request = 'b'", 'b is lost in receipt'],
  ['a job ran twice', "insert into receipt values ('b')", 'b is in receipt twice'],
  ['what was not acknowledged is there', 'insert into "order" values (\'c\')', 'c was not acknowledged'],
])('%s: is seen after reloads', async (_, sql, violation) => {
  const reloaded = path.join(mkdtempSync(path.join(folder, 'reloaded-')), 'app.db')
  const database = new DatabaseSync(reloaded)
  for (const table of ['order', 'receipt'])
    database.exec(`create table "${table}" (request text); insert into "${table}" values ('a'), ('b')`)
  expect(await readReloaded(reloaded, ['a', 'b'])).toEqual([])
  database.exec(sql)
  database.close()
  expect(await readReloaded(reloaded, ['a', 'b'])).toEqual([violation])
})
