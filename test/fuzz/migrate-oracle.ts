// What must come of a migration, worked out from the plans of both worlds and the rows before, without the database.
import { become, type Held, impossible, type TextOf } from './migrate-values.ts'
import type { FieldPlan, TablePlan, World } from './migrate-world.ts'

export type HeldRow = Record<string, Held>
/** By the number of the table; of a link, by the table's number and the field's name. */
export interface Data {
  rows: Map<number, HeldRow[]>
  links: Map<string, string[]>
}

export interface Expected {
  /** Consents that the file must give. */
  consents: string[]
  /** Why it must be refused although everything was consented to, in words; empty when it must be done. */
  refusals: string[]
  /** What each table holds then; `createdAt` stands for an instant of the migration. */
  rows: Map<number, Record<string, Held | TextOf | 'createdAt'>[]>
  links: Map<string, string[]>
}

/** @param filled what the file says that old rows hold, by `model.field` */
export function expectedOf(before: World, after: World, data: Data, filled: ReadonlyMap<string, Held>): Expected {
  const expected: Expected = { consents: consentsOf(before, after), refusals: [], rows: new Map(), links: new Map() }
  for (const table of after.tables) {
    const was = before.tables.find(({ id }) => id === table.id)
    const rows = was ? data.rows.get(table.id)!.map((row) => rowAfter(table, was, row, filled, expected.refusals)) : []
    expected.rows.set(table.id, rows)
    for (const field of table.fields) checkField(table, field, rows, expected.refusals)
    for (const { name, origin } of table.links) {
      expected.links.set(`${table.id}.${name}`, (origin && data.links.get(`${table.id}.${origin}`)) || [])
    }
  }
  for (const table of after.tables) checkReferences(table, expected)
  return expected
}

function rowAfter(
  table: TablePlan,
  was: TablePlan,
  row: HeldRow,
  filled: ReadonlyMap<string, Held>,
  refusals: string[],
): Record<string, Held | TextOf | 'createdAt'> {
  const made: Record<string, Held | TextOf | 'createdAt'> = { key: row.key! }
  for (const field of table.fields) {
    const old = was.fields.find(({ name }) => name === field.origin)
    const place = `${table.name}.${field.name}`
    if (old) {
      const value = become(row[old.name]!, old, field)
      if (value === impossible) refusals.push(`${place}: ${String(row[old.name])} as ${old.kind} is no ${field.kind}`)
      else made[field.name] = value
    } else if (field.createdAt) made[field.name] = 'createdAt'
    else if (field.default !== undefined) made[field.name] = field.default
    else made[field.name] = filled.get(place) ?? null
    if (made[field.name] === null && !field.nullable) refusals.push(`${place} is null`)
  }
  return made
}

function checkField(table: TablePlan, field: FieldPlan, rows: readonly Record<string, unknown>[], refusals: string[]) {
  const place = `${table.name}.${field.name}`
  const values = rows.map((row) => row[field.name]).filter((value) => value !== null && value !== undefined)
  if (field.unique) {
    const texts = values.map(comparable)
    if (new Set(texts).size < texts.length) refusals.push(`${place} is not unique`)
  }
  if (field.check !== undefined) {
    const broken = values.some((value) =>
      field.kind === 'text' ? value === field.check : (value as bigint) < (field.check as bigint),
    )
    if (broken) refusals.push(`${place} breaks its check`)
  }
}

function comparable(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (typeof value === 'object') return `double ${(value as TextOf).double}`
  return `${value}`
}

function checkReferences(table: TablePlan, { rows, refusals }: Expected): void {
  for (const field of table.fields) {
    if (field.ref === undefined) continue
    const keys = new Set(rows.get(field.ref)!.map(({ key }) => key))
    const lost = rows.get(table.id)!.some((row) => {
      const value = row[field.name]
      return value !== null && value !== undefined && !keys.has(value as never)
    })
    if (lost) refusals.push(`${table.name}.${field.name} refers to nothing`)
  }
}

function consentsOf(before: World, after: World): string[] {
  const consents = new Set<string>()
  for (const was of before.tables) {
    const table = after.tables.find(({ id }) => id === was.id)
    if (!table) consents.add(`drop ${was.name}`)
    for (const { name } of was.links) {
      const kept = table?.links.some(({ origin }) => origin === name)
      // With its new name, as a table is called when it goes after everything was renamed.
      if (!kept) consents.add(`drop ${was.name}_${name}`)
    }
    for (const old of table ? was.fields : []) {
      const field = table!.fields.find(({ origin }) => origin === old.name)
      const place = `${table!.name}.${field?.name ?? old.name}`
      if (!field) consents.add(`drop ${place}`)
      else for (const consent of fieldConsents(old, field)) consents.add(`${consent} ${place}`)
    }
  }
  return [...consents].sort()
}

function fieldConsents(old: FieldPlan, field: FieldPlan): string[] {
  const consents: string[] = []
  const isRetyped = old.kind !== field.kind || old.precision !== field.precision || old.scale !== field.scale
  if (isRetyped) consents.push('retype')
  else if (old.nullable && !field.nullable) consents.push('narrow')
  if (field.check !== undefined && old.check === undefined) consents.push('narrow')
  if (field.ref !== undefined && old.ref === undefined) consents.push('narrow')
  return consents
}
