import type { Difference } from '../migrations/migration.ts'
import type { ActualTable } from './sqlite-catalog.ts'
import { actualType, isSameType, isTypeConstraintOf, typeName } from './sqlite-column-type.ts'

/** Tables by name, as a database has them. */
export type Tables = ReadonlyMap<string, ActualTable>

/** What would have to be done to one database's tables to have another's. Columns' order does not count. */
export function differencesBetween(from: Tables, to: Tables): Difference[] {
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

/** What CREATE TABLE says, which all but new columns can be changed in only by building the table anew. */
export function tableDifferences(from: ActualTable, to: ActualTable): Difference[] {
  const differences: Difference[] = []
  const { name } = to
  if (from.key.join() !== to.key.join()) {
    differences.push({
      kind: 'retype',
      subject: name,
      words: `the key of ${name} becomes (${to.key.join(', ')}), was (${from.key.join(', ')})`,
    })
  }
  if (from.strict !== to.strict || from.withoutRowid !== to.withoutRowid)
    differences.push({ kind: 'widen', subject: name, words: `another layout of ${name}` })
  for (const column of to.columns.keys()) differences.push(...columnDifferences(from, to, column))
  for (const column of from.columns.keys()) {
    if (to.columns.has(column)) continue
    differences.push({ kind: 'drop', subject: `${name}.${column}`, words: `drop column ${name}.${column}` })
  }
  return [...differences, ...checkDifferences(from, to)]
}

function columnDifferences(from: ActualTable, to: ActualTable, column: string): Difference[] {
  const subject = `${to.name}.${column}`
  const before = from.columns.get(column)
  const after = to.columns.get(column)!
  if (!before) return [added(subject, `add column ${subject}`)]
  const differences: Difference[] = []
  const say = (kind: Difference['kind'], words: string) => differences.push({ kind, subject, words })
  const [was, becomes] = [actualType(from, column), actualType(to, column)]
  // What no model makes is known by its declared type alone.
  const isSame = was || becomes ? isSameType(was, becomes) : before.type === after.type
  if (!isSame) say('retype', `${subject} becomes ${typeName(becomes)}, was ${typeName(was)}`)
  else if (before.nullable && !after.nullable) say('narrow', `${subject} takes null no more`)
  else if (!before.nullable && after.nullable) say('widen', `${subject} may be null`)
  if (before.default !== after.default)
    say('widen', `the default of ${subject} becomes ${after.default ?? 'none'}, was ${before.default ?? 'none'}`)
  const [old, now] = [from.references.get(column), to.references.get(column)]
  if (now && (old?.table !== now.table || old.to !== now.to)) say('narrow', `${subject} refers to ${now.table}`)
  else if (old && !now) say('widen', `${subject} refers to ${old.table} no more`)
  else if (now && old!.onDelete !== now.onDelete)
    say('widen', `${subject} is ON DELETE ${now.onDelete}, was ${old!.onDelete}`)
  return differences
}

/** A constraint's name follows its table and fields, so that only what it says tells one from another. */
function checkDifferences(from: ActualTable, to: ActualTable): Difference[] {
  const isNewOrRetyped = (column: string) =>
    !from.columns.has(column) || !isSameType(actualType(from, column), actualType(to, column))
  const differences: Difference[] = []
  const before = new Set([...from.checks].map(([check, expression]) => withoutNull(check, expression)))
  const after = new Set([...to.checks].map(([check, expression]) => withoutNull(check, expression)))
  for (const [check, whole] of to.checks) {
    const expression = withoutNull(check, whole)
    const fields = fieldsOf(check)
    if (fields.length === 1 && isTypeConstraintOf(check, fields[0]!)) continue
    if (before.has(expression) || (fields.length > 0 && fields.every((field) => !from.columns.has(field)))) continue
    const subject = fields.length === 1 ? `${to.name}.${fields[0]}` : to.name
    differences.push({ kind: 'narrow', subject, words: `${subject} must satisfy ${nameOf(check)}` })
  }
  for (const [check, whole] of from.checks) {
    const expression = withoutNull(check, whole)
    const fields = fieldsOf(check)
    if (fields.length === 1 && isTypeConstraintOf(check, fields[0]!)) continue
    if (after.has(expression) || fields.some((field) => !to.columns.has(field))) continue
    differences.push({
      kind: 'widen',
      subject: to.name,
      words: `${to.name} need not satisfy ${nameOf(check)} any more`,
    })
  }
  const named = [...to.checks].filter(
    ([check, expression]) => before.has(withoutNull(check, expression)) && !from.checks.has(check),
  )
  if (named.some(([check]) => !fieldsOf(check).some(isNewOrRetyped)))
    differences.push({ kind: 'rename', subject: to.name, words: `name the constraints of ${to.name} after it` })
  return differences
}

// A field's own check lets null pass where the field may be null, which the difference of the column says already.
function withoutNull(check: string, expression: string): string {
  const fields = fieldsOf(check)
  const prefix = `quoted:${fields[0]} is null or `
  return fields.length === 1 && expression.startsWith(prefix) ? expression.slice(prefix.length) : expression
}

// `article.title,body:name`, as `checkName` writes it.
function fieldsOf(check: string): string[] {
  const fields = /^[^.]+\.([^:]*):/.exec(check)?.[1]
  return fields ? fields.split(',') : []
}

function nameOf(check: string): string {
  return /:(.+)$/.exec(check)?.[1] ?? check
}

/** By name; one that reads otherwise is another. */
export function indexDifferences(from: ActualTable, to: ActualTable): Difference[] {
  const differences: Difference[] = []
  for (const [name, { unique, sql }] of to.indexes) {
    const before = from.indexes.get(name)
    // Ours have a hyphen in their names; others belong to who made them.
    if (before?.sql === sql || !name.includes('-')) continue
    const kind = unique ? 'unique index' : 'index'
    differences.push(added(to.name, `${before ? 'build' : 'create'} ${kind} ${name}${before ? ' anew' : ''}`))
  }
  for (const name of from.indexes.keys()) {
    if (!to.indexes.has(name) && name.includes('-'))
      differences.push({ kind: 'widen', subject: to.name, words: `drop index ${name}` })
  }
  return differences
}
