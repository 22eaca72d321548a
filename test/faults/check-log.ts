import type { LogEntry, LoggedTransaction } from '../../src/storage/index.ts'
import { type Acknowledged, presenceOf, type Sent } from './acknowledged.ts'
import type { Contents, Json } from './contents.ts'

type Replayed = Map<string, Map<string, Json>>

/** The log, played from nothing, gives the tables; each request's changes are one transaction of it. */
export function checkLog(
  { log, sequential }: Pick<Contents, 'log' | 'sequential'>,
  tables: Map<string, Json[]>,
  ledger: Acknowledged,
): string[] {
  const gaps = log
    .filter(({ position }, at) => position !== at + 1)
    .slice(0, 1)
    .map(({ position }, at) => `log: position ${position} stands where ${at + 1} is due`)
  const outside = log
    .filter((transaction) => transaction.outside)
    .map(({ position }) => `log: transaction ${position} is from outside`)
  return [
    ...gaps,
    ...outside,
    ...checkSequences(log, sequential),
    ...checkReplay(log, tables),
    ...checkCauses(log, ledger),
    ...checkOrder(log, ledger),
  ]
}

/** An entry is in one transaction, once, behind those that the transaction made before it. */
export function checkSequences(log: LoggedTransaction[], sequential: boolean): string[] {
  const violations: string[] = []
  const seen = new Set<number>()
  let last = 0
  for (const { entries } of log) {
    if (!sequential) last = 0
    for (const { sequence } of entries) {
      if (sequence <= last) violations.push(`log: entry ${sequence} comes after ${last}`)
      if (seen.has(sequence)) violations.push(`log: entry ${sequence} comes twice`)
      last = sequence
      seen.add(sequence)
    }
  }
  return violations
}

/** What was answered before another request was sent comes before it. */
function checkOrder(log: LoggedTransaction[], ledger: Acknowledged): string[] {
  const violations: string[] = []
  let latest: Sent | undefined
  for (const { position, cause } of log) {
    const sent = ledger.get(cause ?? '')
    if (sent?.outcome !== 'acknowledged') continue
    if (latest && sent.answeredAt! < latest.sentAt!)
      violations.push(
        `log: ${sent.operation.id} (${position}) comes after ${latest.operation.id}, which was sent when it had been answered`,
      )
    if (!latest || sent.sentAt! > latest.sentAt!) latest = sent
  }
  return violations
}

export function checkReplay(log: LoggedTransaction[], tables: Map<string, Json[]>): string[] {
  const replayed: Replayed = new Map([...tables.keys()].map((table) => [table, new Map()]))
  const violations: string[] = []
  for (const { position, entries } of log) {
    if (entries.length === 0) violations.push(`log: transaction ${position} is empty`)
    for (const entry of entries) {
      const problem = replay(replayed, entry)
      if (problem) violations.push(`log: entry ${entry.sequence} of transaction ${position} ${problem}`)
    }
  }
  for (const [table, rows] of replayed) violations.push(...compare(table, rows, tables.get(table)!))
  return violations
}

/** @returns what is wrong with the entry, after those before it */
function replay(tables: Replayed, { table, operation, key, row, previous }: LogEntry): string | undefined {
  const rows = tables.get(table)
  if (!rows) return `is of ${table}, which is not a table of the app`
  const id = JSON.stringify(key)
  const before = rows.get(id)
  if (operation === 'insert') {
    rows.set(id, row)
    return before && `inserts ${table} ${id} again`
  }
  if (!before) return `is an ${operation} of ${table} ${id}, which is not there`
  if (operation === 'delete') {
    rows.delete(id)
    return isSame(before, row) ? undefined : `deletes ${table} ${id} as it was not`
  }
  if (operation !== 'update') return `is an ${operation}`
  rows.set(id, row)
  return isSame(before, { ...row, ...previous }) ? undefined : `updates ${table} ${id} from what it was not`
}

function compare(table: string, replayed: Map<string, Json>, found: Json[]): string[] {
  const rest = new Set([...replayed.values()].map(canonical))
  const there = new Set(found.map(canonical))
  const missing = [...rest.difference(there)]
  const extra = [...there.difference(rest)]
  return [
    ...missing.slice(0, 3).map((row) => `log: ${table} should hold ${row.slice(0, 500)}`),
    ...extra.slice(0, 3).map((row) => `log: ${table} holds ${row.slice(0, 500)}, of which the log knows nothing`),
  ]
}

/** A request that is there is one transaction; one that is not is none; one without a transaction is up to two. */
function checkCauses(log: LoggedTransaction[], ledger: Acknowledged): string[] {
  const counts = new Map<string, number>()
  for (const { cause } of log) counts.set(cause ?? '', (counts.get(cause ?? '') ?? 0) + 1)
  return ledger.all().flatMap((sent) => {
    const count = counts.get(sent.operation.id) ?? 0
    return count >= least(sent) && count <= most(sent)
      ? []
      : [`log: ${sent.operation.kind} ${sent.operation.id} (${sent.outcome}) is ${count} transactions`]
  })
}

function least(sent: Sent): number {
  if (presenceOf(sent) !== 'present') return 0
  return sent.operation.kind === 'outside' ? 2 : 1
}

function most(sent: Sent): number {
  if (presenceOf(sent) === 'absent') return 0
  return sent.operation.kind === 'outside' ? 2 : 1
}

function isSame(one: Json, other: Json): boolean {
  return canonical(one) === canonical(other)
}

function canonical(row: Json): string {
  return JSON.stringify(
    Object.keys(row)
      .sort()
      .map((name) => [name, row[name]]),
  )
}
