// The checkers of promises, each held to one: `atomic`, `durable`, `ordered`, `once`; `fresh` is checked by the clients
// while they read, and here where the log says more. What each finds begins with its name.
import { checkReplay, checkSequences } from './check-log.ts'
import type { Json } from './contents.ts'
import { accountNames, counterNames, followers, openingBalance, openingStock, tickMilliseconds } from './effects-app.ts'
import { checkReceived } from './effects-check-received.ts'
import type { Facts } from './effects-facts.ts'
import type { EffectsLedger, Sent } from './effects-ledger.ts'

/** Everything that is wrong when all is quiet. Settles what the clients did not know. */
export function checkFacts(facts: Facts, ledger: EffectsLedger): string[] {
  return [
    ...facts.damage,
    ...checkDurable(facts, ledger),
    ...checkAtomic(facts, ledger),
    ...checkOrdered(facts, ledger),
    ...checkOnce(facts, ledger),
    ...checkReceived(facts, dueOf(facts).sent),
  ]
}

const tableOf = {
  transfer: 'transfer',
  purchase: 'purchase',
  restock: 'purchase',
  hit: 'hit',
  refusal: 'mark',
} as const

type Rowed = Sent & { request: { kind: keyof typeof tableOf } }

/** Requests that leave a row of their own. */
function rowed(ledger: EffectsLedger): Rowed[] {
  return ledger.of('transfer', 'purchase', 'restock', 'hit', 'refusal') as Rowed[]
}

export function rowsOf({ tables }: Pick<Facts, 'tables'>, table: string): Json[] {
  return tables.get(table) ?? []
}

export function byRequest(rows: Json[]): Map<string, Json[]> {
  return Map.groupBy(rows, ({ request }) => String(request))
}

/** What was acknowledged is there, as it was said. */
export function checkDurable(facts: Facts, ledger: EffectsLedger): string[] {
  const found: string[] = []
  const rows = new Map([...new Set(Object.values(tableOf))].map((table) => [table, byRequest(rowsOf(facts, table))]))
  for (const { id, request, outcome, answer } of rowed(ledger)) {
    const own = rows.get(tableOf[request.kind])!.get(id)
    if (outcome !== 'acknowledged') continue
    if (!own) found.push(`durable: ${request.kind} ${id} was acknowledged and is lost`)
    else if (request.kind === 'hit' && own[0]!.value !== JSON.parse(answer!.body).value)
      found.push(`durable: hit ${id} was answered ${answer!.body} and is there as ${JSON.stringify(own[0])}`)
  }
  const registers = new Map(rowsOf(facts, 'register').map(({ name, value }) => [name, value as number]))
  for (const name of new Set(ledger.of('register').map(({ request }) => request.name)))
    if ((registers.get(name) ?? 0) < ledger.floor(name))
      found.push(`durable: register ${name} holds ${registers.get(name)} when ${ledger.floor(name)} was known`)
  return found
}

/** What was refused has left nothing; what is there is whole, and one transaction of the log. */
export function checkAtomic(facts: Facts, ledger: EffectsLedger): string[] {
  const found: string[] = []
  for (const { id, request, outcome } of rowed(ledger)) {
    const own = rowsOf(facts, tableOf[request.kind]).length > 0 && byId(facts, tableOf[request.kind]).get(id)
    if (own && outcome === 'refused') found.push(`atomic: ${request.kind} ${id} was refused and is there`)
  }
  found.push(...checkMoney(facts), ...checkStock(facts))
  const counts = new Map<string, number>()
  for (const { cause, outside, position } of facts.log) {
    counts.set(cause ?? '', (counts.get(cause ?? '') ?? 0) + 1)
    if (outside) found.push(`atomic: transaction ${position} is from outside`)
  }
  for (const { id, request, outcome } of ledger.all()) {
    const count = counts.get(id) ?? 0
    const [least, most] = outcome === 'acknowledged' ? [1, 1] : outcome === 'refused' ? [0, 0] : [0, 1]
    const promise = count < least ? 'durable' : 'atomic'
    if (count < least || count > most)
      found.push(`${promise}: ${request.kind} ${id} (${outcome}) is ${count} transactions`)
  }
  return found
}

const indexes = new WeakMap<Facts, Map<string, Map<string, Json[]>>>()

function byId(facts: Facts, table: string): Map<string, Json[]> {
  const all = indexes.get(facts) ?? new Map<string, Map<string, Json[]>>()
  indexes.set(facts, all)
  const index = all.get(table) ?? byRequest(rowsOf(facts, table))
  all.set(table, index)
  return index
}

function checkMoney(facts: Facts): string[] {
  const due = new Map(accountNames.map((name) => [name, openingBalance]))
  const add = (name: unknown, amount: number) => due.set(name as string, due.get(name as string)! + amount)
  for (const { source, target, amount } of rowsOf(facts, 'transfer')) {
    add(source, -(amount as number))
    add(target, amount as number)
  }
  return rowsOf(facts, 'account').flatMap(({ name, balance }) => [
    ...(balance === due.get(name as string)
      ? []
      : [`atomic: ${name} holds ${balance} where its transfers make ${due.get(name as string)}`]),
    ...((balance as number) < 0 ? [`atomic: ${name} holds ${balance}`] : []),
  ])
}

function checkStock(facts: Facts): string[] {
  return rowsOf(facts, 'product').flatMap(({ name, stock }) => {
    const purchases = rowsOf(facts, 'purchase').filter(({ product }) => product === name)
    const due = purchases.reduce((left, { quantity }) => left - (quantity as number), openingStock)
    return [
      ...(stock === due ? [] : [`atomic: of ${name} ${stock} are left where its purchases leave ${due}`]),
      ...((stock as number) < 0 ? [`atomic: ${name} is oversold: ${stock}`] : []),
    ]
  })
}

/** Positions are dense, the log played from nothing gives the tables, and who was answered before another was sent comes first. */
export function checkOrdered(facts: Facts, ledger: EffectsLedger): string[] {
  const { log, tables, sequential } = facts
  const gap = log.findIndex(({ position }, at) => position !== at + 1)
  const ours = log
    .map((transaction) => ({ ...transaction, entries: transaction.entries.filter(({ table }) => tables.has(table)) }))
    .filter(({ entries }) => entries.length > 0)
  const found = [
    ...(gap < 0 ? [] : [`position ${log[gap]!.position} stands where ${gap + 1} is due`]),
    ...checkSequences(log, sequential),
    ...checkReplay(ours, tables),
    ...checkAnswered(facts, ledger),
    ...checkHeard(facts),
  ]
  return found.map((text) => `ordered: ${text}`)
}

function checkAnswered({ log }: Facts, ledger: EffectsLedger): string[] {
  const found: string[] = []
  let latest: Sent | undefined
  for (const { position, cause } of log) {
    const sent = ledger.get(cause ?? '')
    if (sent?.outcome !== 'acknowledged') continue
    if (latest && sent.answeredAt < latest.sentAt)
      found.push(`${sent.id} (${position}) comes after ${latest.id}, which was sent when it had been answered`)
    if (!latest || sent.sentAt > latest.sentAt) latest = sent
  }
  return found
}

/** Each subscriber has heard of things in the order of the log; one with a key, of those of one key. */
function checkHeard(facts: Facts): string[] {
  const places = new Map(facts.log.map(({ cause, position }) => [cause, position]))
  const sources = new Map(rowsOf(facts, 'transfer').map(({ request, source }) => [request, source]))
  const latest = new Map<string, number>()
  const found: string[] = []
  for (const heard of followedOf(facts).seen) {
    const [request, subscriber] = heard.split(' ') as [string, string]
    // Within the transaction there is no order but that of the transactions.
    if (subscriber === 'at-once') continue
    const line = subscriber === 'per-account' ? `${subscriber} of ${sources.get(request)}` : subscriber
    const place = places.get(request) ?? 0
    const last = latest.get(line) ?? 0
    if (place < last) found.push(`${line} heard of ${request} (${place}) after ${last}`)
    latest.set(line, place)
  }
  return found
}

/** Each request has one effect, and a counter has counted each of its hits once. */
export function checkOnce(facts: Facts, ledger: EffectsLedger): string[] {
  const found: string[] = []
  for (const table of new Set(Object.values(tableOf)))
    for (const [id, rows] of byId(facts, table)) {
      if (rows.length > 1) found.push(`once: ${id} is there ${rows.length} times in ${table}`)
      if (!ledger.get(id)) found.push(`once: ${id} is in ${table} and nobody sent it`)
    }
  found.push(...checkFollowers(facts), ...checkShipped(facts), ...checkTallies(facts), ...checkJobs(facts))
  for (const name of counterNames) {
    const values = rowsOf(facts, 'hit')
      .filter(({ counter }) => counter === name)
      .map(({ value }) => value as number)
    const counted = rowsOf(facts, 'counter').find((row) => row.name === name)?.value
    if (counted !== values.length || new Set(values).size !== values.length)
      found.push(`once: counter ${name} says ${counted} for ${values.length} hits`)
  }
  return found
}

/** What is due to follow, by table and name: a key `REQUEST NAME` for each. */
export function dueOf(facts: Pick<Facts, 'tables'>): Record<'work' | 'seen' | 'sent', Set<string>> {
  const due = { work: new Set<string>(), seen: new Set<string>(), sent: new Set<string>() }
  for (const [kind, table] of Object.entries(tableOf) as [keyof typeof tableOf, string][])
    for (const row of rowsOf(facts, table)) {
      // Restocking leaves a purchase of less than nothing.
      if (table === 'purchase' && (row.quantity as number) < 0 !== (kind === 'restock')) continue
      for (const what of ['work', 'seen', 'sent'] as const)
        for (const name of followers[kind][what]) due[what].add(`${row.request} ${name}`)
    }
  return due
}

/** What has followed, in the order in which it did. */
export function followedOf(facts: Pick<Facts, 'tables'>): { work: string[]; seen: string[] } {
  const inOrder = (table: string) => rowsOf(facts, table).toSorted((one, other) => Number(one.id) - Number(other.id))
  return {
    work: inOrder('work').map(({ request, job }) => `${request} ${job}`),
    seen: inOrder('seen').map(({ request, subscriber }) => `${request} ${subscriber}`),
  }
}

/** Each job and each event of a subscriber has had its effect once. */
function checkFollowers(facts: Facts): string[] {
  const due = dueOf(facts)
  const followed = followedOf(facts)
  return (['work', 'seen'] as const).flatMap((table) => {
    const counts = new Map<string, number>()
    for (const key of followed[table]) counts.set(key, (counts.get(key) ?? 0) + 1)
    return [
      ...[...due[table]].filter((key) => !counts.has(key)).map((key) => `once: ${key} never was in ${table}`),
      ...[...counts].flatMap(([key, count]) => [
        ...(count > 1 ? [`once: ${key} was ${count} times in ${table}`] : []),
        ...(due[table].has(key) || key.endsWith(' pulse')
          ? []
          : [`atomic: ${key} was in ${table} and is due to nothing`]),
      ]),
    ]
  })
}

function checkShipped(facts: Facts): string[] {
  return rowsOf(facts, 'product').flatMap(({ name, shipped }) => {
    const bought = rowsOf(facts, 'purchase').filter(({ product, quantity }) => product === name && Number(quantity) > 0)
    const due = bought.reduce((sum, { quantity }) => sum + Number(quantity), 0)
    return shipped === due ? [] : [`once: of ${name} ${shipped} were shipped where ${due} were bought`]
  })
}

/** Side by side, or within other transactions, they would wait for each other. */
const untallied = ['per-account', 'at-once']

function checkTallies(facts: Facts): string[] {
  const { work, seen } = followedOf(facts)
  const counts = Map.groupBy([...work, ...seen], (key) => key.slice(key.indexOf(' ') + 1))
  const said = new Map(rowsOf(facts, 'tally').map(({ name, value }) => [name, value]))
  return [...counts].flatMap(([name, { length }]) =>
    said.get(name) === length || untallied.includes(name)
      ? []
      : [`once: ${name} has counted ${said.get(name)} where there were ${length}`],
  )
}

/** A job is done if, and only if, what it wrote is there; and each tick has let one job run. */
function checkJobs(facts: Facts): string[] {
  const { work } = followedOf(facts)
  const done = new Set(work)
  const jobs = facts.own.get('monobloc_job') ?? []
  const found = jobs.flatMap(({ name, state, input }) => {
    const key = keyOfJob(String(name), JSON.parse(String(input)))
    if (key === undefined) return []
    if (state === 'done' && !done.has(key)) return [`once: the job of ${key} is done and has left nothing`]
    return state !== 'done' && done.has(key) ? [`once: the job of ${key} is ${state} and was done`] : []
  })
  const ticks = (facts.own.get('monobloc_tick') ?? []).map(({ at }) => Number(at)).sort((one, other) => one - other)
  const gap = ticks.findIndex((at, index) => index > 0 && at - ticks[index - 1]! !== tickMilliseconds)
  if (gap > 0)
    found.push(`once: tick ${new Date(ticks[gap]!).toISOString()} follows ${new Date(ticks[gap - 1]!).toISOString()}`)
  const ticked = new Set(ticks.map((at) => `${new Date(at).toISOString()} pulse`))
  for (const key of done) if (key.endsWith(' pulse') && !ticked.has(key)) found.push(`once: ${key} was no tick`)
  const all = work.filter((key) => key.endsWith(' pulse'))
  if (new Set(all).size !== all.length) found.push('once: a tick ran twice')
  return found
}

function keyOfJob(name: string, input: Json): string | undefined {
  if (name === 'schedule:pulse') return `${input.at} pulse`
  return ['ship', 'thank', 'greet'].includes(name) ? `${input.request} ${name}` : undefined
}
