import type { LoggedTransaction } from '../../src/storage/index.ts'
import { type Change, changeOf, type Transaction, type Unit } from './log-order-truth.ts'

/** Rows of all tables, by table and key. */
export type Contents = Map<string, Record<string, unknown>>

/** More say the same. */
const mostViolations = 20

/**
 * Holds a log to what its writers know: every change once, whole transactions, in commit order where they did not overlap,
 * versions of a row in order, positions dense, nothing of what was rolled back.
 *
 * @param contents of the tables when everyone had ended
 */
export function checkOrder(
  log: readonly LoggedTransaction[],
  truth: readonly Transaction[],
  contents: Contents,
): string[] {
  const violations: string[] = []
  const owners = ownersOf(truth)
  const found = new Map<Unit, number>()
  const order: Transaction[] = []
  log.forEach((logged, at) => {
    if (logged.position !== at + 1) violations.push(`position ${at + 1} is ${logged.position}`)
    const owner = ownerOf(logged, owners)
    if (!owner) {
      violations.push(`position ${logged.position} is nobody's: ${shown(logged)}`)
      return
    }
    const { transaction, unit } = owner
    if (found.has(unit)) violations.push(`position ${logged.position}: ${transaction.id} is there twice`)
    found.set(unit, logged.position)
    order.push(transaction)
    const seen = changesOf(logged)
    if ([...seen].sort().join('\n') !== [...unit.changes].sort().join('\n') || !isInOrder(seen))
      violations.push(
        `position ${logged.position}: ${transaction.id} made ${unit.changes.join(', ')}, logged is ${seen.join(', ')}`,
      )
    if (logged.outside !== (unit.actor === undefined) || logged.actor !== (unit.actor ?? null))
      violations.push(`position ${logged.position}: ${transaction.id} is said to be by ${logged.actor}`)
  })
  violations.push(...missing(truth, found), ...overtaken(order), ...unread(truth, found), ...replayed(log, contents))
  const sequences = log.flatMap(({ entries }) => entries.map(({ sequence }) => sequence))
  if (new Set(sequences).size !== sequences.length) violations.push('two entries have one sequence number')
  return violations.slice(0, mostViolations)
}

interface Owner {
  transaction: Transaction
  unit: Unit
}

function ownersOf(truth: readonly Transaction[]): Map<Change, Owner> {
  const owners = new Map<Change, Owner>()
  for (const transaction of truth) {
    if (transaction.outcome === 'rolled back') continue
    for (const unit of transaction.units) for (const change of unit.changes) owners.set(change, { transaction, unit })
  }
  return owners
}

/** Emptying a table names nobody; it never comes alone. */
function ownerOf(logged: LoggedTransaction, owners: ReadonlyMap<Change, Owner>): Owner | undefined {
  for (const change of changesOf(logged)) {
    const owner = change.startsWith('empty') ? undefined : owners.get(change)
    if (owner) return owner
  }
  return undefined
}

export function changesOf({ entries }: LoggedTransaction): Change[] {
  return entries.map(({ operation, table, row }) => changeOf(operation, table, row.note as string))
}

// Notes of one transaction end in numbers that grow. Those of deletes were given by others.
function isInOrder(changes: readonly Change[]): boolean {
  const numbers = changes
    .filter((change) => /^(insert|update) /.test(change))
    .map((change) => Number(change.split('.')[1]))
  return numbers.every((number, at) => at === 0 || number > numbers[at - 1]!)
}

/** Everything of what has committed is there; of what nobody knows about, all or nothing; and units of one commit follow one another. */
function missing(truth: readonly Transaction[], found: ReadonlyMap<Unit, number>): string[] {
  return truth.flatMap(({ id, outcome, units }) => {
    const positions = units.map((unit) => found.get(unit))
    const there = positions.filter((position) => position !== undefined)
    if (outcome === 'rolled back' || (outcome === 'unknown' && there.length === 0)) return []
    if (there.length < units.length)
      return [`${id} (${outcome}) has ${there.length} of its ${units.length} units in the log`]
    return there.every((position, at) => position === there[0]! + at) ? [] : [`${id} is at ${there.join(', ')}`]
  })
}

/** Whoever had ended before another began comes first. */
function overtaken(order: readonly Transaction[]): string[] {
  const violations: string[] = []
  let earliest: Transaction | undefined
  for (const transaction of order.toReversed()) {
    if (earliest && earliest.ended < transaction.begun)
      violations.push(`${earliest.id} had ended when ${transaction.id} began, and comes after it`)
    if (!earliest || transaction.ended < earliest.ended) earliest = transaction
  }
  return violations
}

/** A unit that read what another committed comes after it. */
function unread(truth: readonly Transaction[], found: ReadonlyMap<Unit, number>): string[] {
  const byId = new Map(truth.map((transaction) => [transaction.id, transaction]))
  return truth.flatMap(({ id, units }) =>
    units.flatMap((unit) => {
      const position = found.get(unit)
      if (position === undefined || unit.actor === undefined) return []
      return unit.saw.flatMap((other) => {
        const seen = byId.get(other)?.units.at(-1)
        return other !== id && seen && found.get(seen)! > position
          ? [`${id} has read ${other}, and comes before it`]
          : []
      })
    }),
  )
}

/** The log, played from nothing: each entry must fit what is there, and the end must be what the tables hold. */
export function replayed(log: readonly LoggedTransaction[], contents: Contents): string[] {
  const violations: string[] = []
  const rows: Contents = new Map()
  for (const { position, entries } of log) {
    for (const { table, operation, row, previous } of entries) {
      if (operation === 'empty') {
        for (const key of rows.keys()) if (key.startsWith(`${table} `)) rows.delete(key)
        continue
      }
      const key = `${table} ${row.id}`
      const there = rows.get(key)
      const before = operation === 'insert' ? undefined : { ...row, ...previous }
      if (!isSame(there, before))
        violations.push(
          `position ${position}: ${operation} of ${key} is of ${shownRow(before)}, there is ${shownRow(there)}`,
        )
      if (operation === 'delete') rows.delete(key)
      else rows.set(key, row)
    }
  }
  for (const key of new Set([...rows.keys(), ...contents.keys()])) {
    if (!isSame(rows.get(key), contents.get(key)))
      violations.push(
        `${key} is ${shownRow(rows.get(key))} in the log, and ${shownRow(contents.get(key))} in its table`,
      )
  }
  return violations
}

function isSame(one: Record<string, unknown> | undefined, other: Record<string, unknown> | undefined): boolean {
  return shownRow(one) === shownRow(other)
}

function shownRow(row: Record<string, unknown> | undefined): string {
  return row ? JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))) : 'nothing'
}

function shown(logged: LoggedTransaction): string {
  return changesOf(logged).join(', ')
}
