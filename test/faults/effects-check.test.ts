// Each checker of a promise sees what it is for: what is right is made wrong in one way, and it says so.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Json } from './contents.ts'
import { effectsProgram } from './effects-bundle.ts'
import { checkFacts } from './effects-check.ts'
import { EffectsClients } from './effects-clients.ts'
import { SharedClock } from './effects-clock.ts'
import { type Facts, readerOf } from './effects-facts.ts'
import { EffectsFleet } from './effects-fleet.ts'
import { EffectsLedger } from './effects-ledger.ts'
import { EffectsReceiver, type Received } from './effects-receiver.ts'
import { untilDone } from './effects-run.ts'

let folder: string
let facts: Facts
let receiver: EffectsReceiver
const ledger = new EffectsLedger()

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'check-'))
  const database = path.join(folder, 'app.db')
  const clock = new SharedClock(path.join(folder, 'clock'))
  receiver = await EffectsReceiver.open(1)
  const fleet = new EffectsFleet({
    database,
    testing: { clock: clock.file, receiver: receiver.url },
    program: await effectsProgram(),
    folder,
    size: 1,
  })
  await fleet.begin(0)
  const load = new EffectsClients(1, 4, ledger, fleet)
  const running = load.run()
  while (
    wanted.some(([kind, outcome]) => !ledger.of(kind).some((sent) => sent.outcome === outcome)) ||
    ledger.count('acknowledged') < 60
  )
    await new Promise((resolve) => setTimeout(resolve, 10))
  load.stop()
  await running
  load.close()
  await receiver.calm()
  const read = readerOf('sqlite', database, receiver.all)
  await untilDone(read, clock)
  await fleet.stop()
  facts = await read(true)
})
afterAll(async () => {
  await receiver.close()
  rmSync(folder, { recursive: true })
})

const wanted = [
  ...(['transfer', 'purchase', 'restock', 'hit', 'register'] as const).map((kind) => [kind, 'acknowledged'] as const),
  ...(['transfer', 'refusal'] as const).map((kind) => [kind, 'refused'] as const),
] as const

/** What is found when a copy of it all was changed. */
function after(change: (copy: Facts) => void): string[] {
  const copy: Facts = structuredClone(facts)
  change(copy)
  return checkFacts(copy, ledger)
}

test('after a calm run all is right', () => {
  expect(after(() => {})).toEqual([])
})

const rows = (copy: Facts, table: string): Json[] => copy.tables.get(table)!
const drop = (table: string) => (copy: Facts) => void rows(copy, table).pop()
const add = (table: string, column: string, by: number) => (copy: Facts) => {
  const row = rows(copy, table)[0]!
  row[column] = (row[column] as number) + by
}
const repeat = (table: string) => (copy: Facts) =>
  void rows(copy, table).push({ ...rows(copy, table).at(-1)!, id: 1e6 })

test.each<[string, (copy: Facts) => void, RegExp]>([
  ['a transfer is lost', drop('transfer'), /^durable: transfer \S+ was acknowledged and is lost/],
  ['a purchase is lost', (copy) => rows(copy, 'purchase').splice(0, 1), /^durable: (purchase|restock) /],
  ['a register has an older value', add('register', 'value', -1), /^durable: register \S+ holds/],
  ['a hit was answered otherwise', add('hit', 'value', 1000), /^durable: hit \S+ was answered/],
  ['half a transfer', add('account', 'balance', 1), /^atomic: account-\d holds/],
  ['stock without a purchase', add('product', 'stock', -1), /^atomic: of \S+ -?\d+ are left/],
  [
    'what was refused',
    (copy) => rows(copy, 'mark').push({ id: 1, request: refusedId() }),
    /^atomic: refusal \S+ was refused and is there/,
  ],
  [
    'a job of nothing',
    (copy) => rows(copy, 'work').push({ id: 1e6, request: refusedId(), job: 'thank' }),
    /^atomic: \S+ thank was in work/,
  ],
  [
    'a request is two transactions',
    (copy) => void (copy.log.at(-1)!.cause = acknowledgedId()),
    /^atomic: \w+ \S+ \(acknowledged\) is 2 transactions/,
  ],
  ['a transaction is missing', (copy) => copy.log.splice(2, 1), /^ordered: position 4 stands where 3 is due/],
  ['two transactions changed places', swapTransactions, /^ordered: /],
  [
    'an entry twice',
    (copy) => copy.log.at(-1)!.entries.push(copy.log.at(-1)!.entries[0]!),
    /^ordered: log: entry \d+ comes/,
  ],
  [
    'a subscriber heard in another order',
    (copy) => {
      for (const [at, row] of rows(copy, 'seen').reverse().entries()) row.id = at
    },
    /^ordered: \w.* heard of/,
  ],
  ['a job ran twice', repeat('work'), /^once: \S+ \S+ was 2 times in work/],
  ['an event was heard twice', repeat('seen'), /^once: \S+ \S+ was 2 times in seen/],
  // Not the last row: that may be of a tick, which nobody asked for.
  [
    'a job never ran',
    (copy) => rows(copy, 'work').splice(rows(copy, 'work').findIndex(isThanks), 1),
    /^once: \S+ \S+ never was in work/,
  ],
  ['an event was never heard', drop('seen'), /^once: \S+ \S+ never was in seen/],
  ['a tally counted once more', add('tally', 'value', 1), /^once: \w+ has counted/],
  ['a counter counted once more', add('counter', 'value', 1), /^once: counter \w+ says/],
  ['shipped twice', add('product', 'shipped', 1), /^once: of \w+ \d+ were shipped/],
  [
    'a delivery never came',
    (copy) => void (copy.received = copy.received.filter(({ id }) => id !== lastReceived(copy).id)),
    /^once: \S+ \w+ never came/,
  ],
  [
    'a delivery came and was not taken',
    (copy) => {
      for (const one of copy.received) one.isTaken &&= one.id !== lastReceived(copy).id
    },
    /^once: \S+ \w+ never came/,
  ],
  [
    'a delivery is noted as waiting',
    (copy) => void (copy.own.get('monobloc_webhook_delivery')![0]!.state = 'waiting'),
    /^once: \S+ \w+ came and is noted as waiting/,
  ],
  ['a delivery under another id', (copy) => resend(copy, { id: 'another' }), /^once: \S+ \w+ was sent under 2 ids/],
  [
    'a delivery in other words',
    (copy) => resend(copy, { body: `${lastReceived(copy).body} ` }),
    /^once: \S+ \w+ was sent in several wordings/,
  ],
  [
    'a delivery of nothing',
    (copy) => resend(copy, { body: JSON.stringify({ data: { request: refusedId() } }) }),
    /^atomic: \S+ \w+ was sent and is due to nothing/,
  ],
  ['a delivery that nobody signed', (copy) => resend(copy, { isSigned: false }), /^audit: \S+ came to \w+ without/],
  [
    'deliveries in another order',
    (copy) => void (copy.received = copy.received.toReversed()),
    /^ordered: \w+ was sent \S+ \(\d+\) after \d+/,
  ],
])('%s', (_, change, message) => {
  expect(after(change)).toContainEqual(expect.stringMatching(message))
})

const refusedId = () => ledger.of('refusal').find(({ outcome }) => outcome === 'refused')!.id
const acknowledgedId = () => ledger.of('transfer').find(({ outcome }) => outcome === 'acknowledged')!.id

const isThanks = ({ job }: Json) => job === 'thank'
const lastReceived = (copy: Facts) => copy.received.at(-1)!
const resend = (copy: Facts, change: Partial<Received>) =>
  void (copy.received = [...copy.received, { ...lastReceived(copy), ...change }])

/** The first and the last acknowledged request. */
function swapTransactions({ log }: Facts): void {
  const ours = log.filter(({ cause }) => ledger.get(cause ?? '')?.outcome === 'acknowledged')
  const [first, last] = [ours[0]!, ours.at(-1)!]
  const kept = { ...first }
  Object.assign(first, { cause: last.cause, entries: last.entries })
  Object.assign(last, { cause: kept.cause, entries: kept.entries })
}
