import type { Difference } from './migration.ts'
import { fieldsOfCheck, isSameType, isTypeConstraintOf, type Shapes, type TableShape, typeName } from './table-shape.ts'

/** What would have to be done to one database's tables to have another's. Columns' order does not count. */
export function differencesBetween(from: Shapes, to: Shapes): Difference[] {
  return [
    ...[...to.values()].flatMap((table) => {
      const before = from.get(table.name)
      if (!before) return [added(table.name, `create table ${table.name}`)]
      return [...tableDifferences(before, table), ...indexDifferences(before, table)]
    }),
    ...[...from.keys()].filter((name) => !to.has(name)).map(droppedTable),
  ]
}

export function droppedTable(name: string): Difference {
  return { kind: 'drop', subject: name, words: `drop table ${name}` }
}

function added(subject: string, words: string): Difference {
  return { kind: 'add', subject, words }
}

/** What CREATE TABLE says. */
export function tableDifferences(from: TableShape, to: TableShape): Difference[] {
  const differences = keyDifferences(from, to)
  const { name } = to
  if (from.layout !== to.layout) differences.push({ kind: 'widen', subject: name, words: `another layout of ${name}` })
  for (const column of to.columns.keys()) differences.push(...columnDifferences(from, to, column))
  for (const column of from.columns.keys()) {
    if (!to.columns.has(column)) differences.push(droppedColumn(name, column))
  }
  // All renames of constraints are one difference.
  return [...differences, ...new Set(checkChanges(from, to).map(({ difference }) => difference))]
}

export function keyDifferences(from: TableShape, to: TableShape): Difference[] {
  const { name } = to
  if (from.key.join() === to.key.join()) return []
  const words = `the key of ${name} becomes (${to.key.join(', ')}), was (${from.key.join(', ')})`
  return [{ kind: 'retype', subject: name, words }]
}

export function droppedColumn(table: string, column: string): Difference {
  return { kind: 'drop', subject: `${table}.${column}`, words: `drop column ${table}.${column}` }
}

export function columnDifferences(from: TableShape, to: TableShape, column: string): Difference[] {
  const subject = `${to.name}.${column}`
  if (!from.columns.has(column)) return [added(subject, `add column ${subject}`)]
  return [...valueDifferences(from, to, column), ...referenceDifferences(from, to, column)]
}

/** Of the values of a column that both have: type, null and default. */
export function valueDifferences(from: TableShape, to: TableShape, column: string): Difference[] {
  const subject = `${to.name}.${column}`
  const before = from.columns.get(column)!
  const after = to.columns.get(column)!
  const differences: Difference[] = []
  const say = (kind: Difference['kind'], words: string) => differences.push({ kind, subject, words })
  // What no model makes is known by its declared type alone.
  const isKnown = before.type !== undefined || after.type !== undefined
  const isSame = isKnown ? isSameType(before.type, after.type) : before.declared === after.declared
  if (!isSame) say('retype', `${subject} becomes ${typeName(after.type)}, was ${typeName(before.type)}`)
  else if (before.nullable && !after.nullable) say('narrow', `${subject} takes null no more`)
  else if (!before.nullable && after.nullable) say('widen', `${subject} may be null`)
  if (before.default !== after.default)
    say('widen', `the default of ${subject} becomes ${after.default ?? 'none'}, was ${before.default ?? 'none'}`)
  return differences
}

export function referenceDifferences(from: TableShape, to: TableShape, column: string): Difference[] {
  const subject = `${to.name}.${column}`
  const [old, now] = [from.references.get(column), to.references.get(column)]
  if (now && (old?.table !== now.table || old.to !== now.to))
    return [{ kind: 'narrow', subject, words: `${subject} refers to ${now.table}` }]
  if (old && !now) return [{ kind: 'widen', subject, words: `${subject} refers to ${old.table} no more` }]
  if (!now || old!.onDelete === now.onDelete) return []
  return [{ kind: 'widen', subject, words: `${subject} is ON DELETE ${now.onDelete}, was ${old!.onDelete}` }]
}

/** What is done to the CHECKs of a table. */
export interface CheckChange {
  act: 'add' | 'drop' | 'rename'
  /** Of the constraint; for `rename` the new one. */
  name: string
  /** Before a `rename`. */
  from?: string
  difference: Difference
}

/** A constraint's name follows its table and fields, so that only what it says tells one from another. */
export function checkChanges(from: TableShape, to: TableShape): CheckChange[] {
  const isNewOrRetyped = (column: string) =>
    !from.columns.has(column) || !isSameType(from.columns.get(column)!.type, to.columns.get(column)?.type)
  const changes: CheckChange[] = []
  const before = new Set(from.checks.values())
  const after = new Set(to.checks.values())
  for (const [check, expression] of to.checks) {
    const fields = fieldsOfCheck(check)
    if (isOfType(check) || before.has(expression)) continue
    if (fields.length > 0 && fields.every((field) => !from.columns.has(field))) continue
    const subject = fields.length === 1 ? `${to.name}.${fields[0]}` : to.name
    const words = `${subject} must satisfy ${nameOf(check)}`
    changes.push({ act: 'add', name: check, difference: { kind: 'narrow', subject, words } })
  }
  for (const [check, expression] of from.checks) {
    if (isOfType(check) || after.has(expression)) continue
    if (fieldsOfCheck(check).some((field) => !to.columns.has(field))) continue
    const words = `${to.name} need not satisfy ${nameOf(check)} any more`
    changes.push({ act: 'drop', name: check, difference: { kind: 'widen', subject: to.name, words } })
  }
  const renamed = [...to.checks].filter(([check, expression]) => before.has(expression) && !from.checks.has(check))
  if (!renamed.some(([check]) => !fieldsOfCheck(check).some(isNewOrRetyped))) return changes
  const difference: Difference = {
    kind: 'rename',
    subject: to.name,
    words: `name the constraints of ${to.name} after it`,
  }
  const was = (expression: string) => [...from.checks].find((one) => one[1] === expression)![0]
  return [
    ...changes,
    ...renamed.map(([name, expression]) => ({ act: 'rename' as const, name, from: was(expression), difference })),
  ]
}

function isOfType(check: string): boolean {
  const [field, ...more] = fieldsOfCheck(check)
  return field !== undefined && more.length === 0 && isTypeConstraintOf(check, field)
}

function nameOf(check: string): string {
  return /:(.+)$/.exec(check)?.[1] ?? check
}

/** By name; one that reads otherwise is another. */
export function indexDifferences(from: TableShape, to: TableShape): Difference[] {
  return indexChanges(from, to).map(({ difference }) => difference)
}

export function indexChanges(from: TableShape, to: TableShape): { name: string; difference: Difference }[] {
  const changes: { name: string; difference: Difference }[] = []
  for (const [name, { unique, sql }] of to.indexes) {
    const before = from.indexes.get(name)
    // Ours have a hyphen in their names; others belong to who made them.
    if (before?.sql === sql || !name.includes('-')) continue
    const kind = unique ? 'unique index' : 'index'
    const words = `${before ? 'build' : 'create'} ${kind} ${name}${before ? ' anew' : ''}`
    changes.push({ name, difference: added(to.name, words) })
  }
  for (const name of from.indexes.keys()) {
    if (to.indexes.has(name) || !name.includes('-')) continue
    changes.push({ name, difference: { kind: 'widen', subject: to.name, words: `drop index ${name}` } })
  }
  return changes
}
