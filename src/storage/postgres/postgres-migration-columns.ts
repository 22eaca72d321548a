// What is done to the columns of a table: each change by the statements that keep others out for the shortest time.
import type { ColumnSpec, ColumnType, TableSpec } from '../../schema/index.ts'
import type { Difference, MigrationStep } from '../migrations/migration.ts'
import { needsConsent } from '../migrations/migration-file.ts'
import { droppedColumn, keyDifferences, valueDifferences } from '../migrations/schema-difference.ts'
import { checkName, typeConstraint } from '../sql/check-name.ts'
import type { ActualTable, Tables } from './postgres-catalog.ts'
import { conversionSql } from './postgres-conversion.ts'
import { newColumn, unconverted } from './postgres-shadow.ts'
import { columnSql, constraint, declaredType, defaultSql, quoted, typeCheck } from './postgres-table.ts'

/**
 * New columns first, and those that go last, so that what a person writes between can read both.
 *
 * @param tables all that are there: what refers to a key must let go of it while the key changes
 */
export function columnSteps(spec: TableSpec, there: ActualTable, wanted: ActualTable, tables: Tables): MigrationStep[] {
  const table = { spec, there, wanted, tables }
  const added = spec.columns.filter(({ name }) => !there.columns.has(name))
  const kept = spec.columns.filter(({ name }) => there.columns.has(name))
  const gone = [...there.columns.keys()].filter((name) => !wanted.columns.has(name))
  return [
    ...added.flatMap((column) => addition(table, column)),
    ...kept.flatMap((column) => changes(table, column)),
    ...keySteps(table),
    ...gone.map((name) => {
      const difference = droppedColumn(spec.name, name)
      return step(difference.words, [alter(table, `DROP COLUMN ${quoted(name)}`)], [difference])
    }),
  ]
}

interface Changed {
  spec: TableSpec
  there: ActualTable
  wanted: ActualTable
  tables: Tables
}

function addition(table: Changed, column: ColumnSpec): MigrationStep[] {
  const { name } = table.spec
  const words = `add column ${name}.${column.name}`
  const difference: Difference = { kind: 'add', subject: `${name}.${column.name}`, words }
  const add = (made: ColumnSpec, more = '') => alter(table, `ADD COLUMN ${columnSql(made)}${more}`)
  if (column.automatic && column.automatic !== 'deletedAt') {
    // One value for all rows that are there, which the server notes once: no row is written.
    const value = column.automatic === 'version' ? '1' : 'CURRENT_TIMESTAMP'
    const sql = [add(column, ` DEFAULT ${value}`), alter(table, `ALTER COLUMN ${quoted(column.name)} DROP DEFAULT`)]
    return [step(words, sql, [difference])]
  }
  const isFilled = column.nullable || column.type.type === 'serial' || (column.default && column.default.value !== null)
  if (isFilled) return [step(words, [add(column)], [difference])]
  const place = `${name}.${column.name}`
  return [
    step(words, [add({ ...column, nullable: true })], [difference]),
    { ...fillStep(`give ${place} its values`, table, column.name, 'NULL'), wanting: [place], safe: false },
    step(`${place} takes null no more`, notNullSql(table, column.name), []),
  ]
}

function changes(table: Changed, column: ColumnSpec): MigrationStep[] {
  const { there, wanted } = table
  const [from, to] = [there.columns.get(column.name)!, wanted.columns.get(column.name)!]
  const differences = valueDifferences(there, wanted, column.name)
  const retype = differences.find(({ kind }) => kind === 'retype')
  if (retype) return retyping(table, column, differences, from.type)
  const name = quoted(column.name)
  return differences.map((difference) => {
    if (from.default !== to.default && difference.words.startsWith('the default of'))
      return step(difference.words, [alter(table, `ALTER COLUMN ${name} ${defaultAct(column)}`)], [difference])
    const sql = to.nullable ? [alter(table, `ALTER COLUMN ${name} DROP NOT NULL`)] : notNullSql(table, column.name)
    return step(difference.words, sql, [difference])
  })
}

function defaultAct(column: ColumnSpec): string {
  const given = defaultSql(column)
  return given === undefined ? 'DROP DEFAULT' : `SET DEFAULT ${given}`
}

/** By a CHECK that is proven while others write: NOT NULL then needs no look at the rows. */
function notNullSql(table: Changed, column: string): string[] {
  const name = constraint(`monobloc_null_${table.spec.name}.${column}`)
  return [
    alter(table, `ADD CONSTRAINT ${name} CHECK (${quoted(column)} IS NOT NULL) NOT VALID`),
    alter(table, `VALIDATE CONSTRAINT ${name}`),
    alter(table, `ALTER COLUMN ${quoted(column)} SET NOT NULL`),
    alter(table, `DROP CONSTRAINT ${name}`),
  ]
}

/**
 * A new column beside the old one gets the values in batches, and then takes its place. What hung on the old one goes with
 * it, and is made again after. A key is changed in its place, since others refer to it.
 */
function retyping(
  table: Changed,
  column: ColumnSpec,
  differences: Difference[],
  from: ColumnType | undefined,
): MigrationStep[] {
  const { spec, tables } = table
  const words = differences[0]!.words
  const inPlace = from && inPlaceSql(table, column, from)
  if (inPlace) return [step(words, [...inPlace, ...defaultAndNull(table, column)], differences)]
  const place = `${spec.name}.${column.name}`
  const name = quoted(column.name)
  const value = from ? conversionSql(name, from, column.type) : 'NULL'
  const wanting = from ? [] : [place]
  const isReferred = [...tables.values()].some(({ references }) =>
    [...references.values()].some((one) => one.table === spec.name && one.to === column.name),
  )
  if (table.there.key.includes(column.name) || isReferred) {
    const sql = [
      ...detachSql(spec.name, [...tables.values()]),
      alter(table, `ALTER COLUMN ${name} DROP DEFAULT`),
      alter(table, `ALTER COLUMN ${name} TYPE ${typeOf(column)} USING ${value}`),
      ...defaultAndNull(table, column),
    ]
    return [{ ...step(words, sql, differences), wanting }]
  }
  const made = newColumn(column.name)
  const lost = constraint(`monobloc_lost_${place}`)
  const swap = [
    alter(table, `DROP COLUMN ${name}`),
    alter(table, `RENAME COLUMN ${quoted(made)} TO ${name}`),
    ...(column.default ? [alter(table, `ALTER COLUMN ${name} ${defaultAct(column)}`)] : []),
  ]
  return [
    step(
      `make room for ${place} as ${declaredType(column.type)}`,
      [alter(table, `ADD COLUMN ${quoted(made)} ${typeOf(column)}`)],
      [],
    ),
    { ...fillStep(`convert ${place}`, table, made, value), wanting },
    step(
      words,
      [
        // By which they are seen at once while others are kept out. It goes with the column.
        `CREATE INDEX CONCURRENTLY ${lost} ON ${quoted(spec.name)} (${quoted(made)}) WHERE ${unconverted(column.name)}`,
        ...(column.nullable ? [] : notNullSql(table, made)),
        ...swap,
      ],
      differences,
    ),
  ]
}

function typeOf({ type }: ColumnSpec): string {
  return type.type === 'text' ? 'text COLLATE "C"' : declaredType(type)
}

function defaultAndNull(table: Changed, column: ColumnSpec): string[] {
  const [from, to] = [table.there.columns.get(column.name)!, table.wanted.columns.get(column.name)!]
  const sql: string[] = []
  if (from.nullable && !to.nullable) sql.push(...notNullSql(table, column.name))
  if (!from.nullable && to.nullable) sql.push(alter(table, `ALTER COLUMN ${quoted(column.name)} DROP NOT NULL`))
  if (to.default !== undefined && column.type.type !== 'serial')
    sql.push(alter(table, `ALTER COLUMN ${quoted(column.name)} ${defaultAct(column)}`))
  return sql
}

const whole: readonly ColumnType['type'][] = ['integer', 'bigint', 'serial']

/** Types whose values the server holds alike: no row is written. */
function inPlaceSql(table: Changed, column: ColumnSpec, from: ColumnType): string[] | undefined {
  const { type } = column
  const name = quoted(column.name)
  const wider =
    from.type === 'decimal' && type.type === 'decimal' && from.scale === type.scale && from.precision <= type.precision
  if (wider) {
    const check = (of: ColumnType) => constraint(checkName(table.spec.name, [column.name], typeConstraint(of)))
    return [
      alter(table, `ALTER COLUMN ${name} TYPE ${declaredType(type)}`),
      alter(table, `RENAME CONSTRAINT ${check(from)} TO ${check(type)}`),
    ]
  }
  if (!whole.includes(from.type) || !whole.includes(type.type)) return undefined
  const sql: string[] = []
  if (from.type === 'integer') {
    const check = typeCheck(table.spec, { ...column, type: from })!
    sql.push(alter(table, `DROP CONSTRAINT ${constraint(check.name)}`))
  }
  if (from.type === 'serial') sql.push(alter(table, `ALTER COLUMN ${name} DROP IDENTITY`))
  if (type.type === 'serial') {
    const sequence = `pg_get_serial_sequence('${quoted(table.spec.name).replaceAll("'", "''")}', '${column.name.replaceAll("'", "''")}')`
    sql.push(
      alter(table, `ALTER COLUMN ${name} DROP DEFAULT`),
      alter(table, `ALTER COLUMN ${name} ADD GENERATED BY DEFAULT AS IDENTITY`),
      `SELECT setval(${sequence}, max(${name})) FROM ${quoted(table.spec.name)}`,
    )
  }
  return sql
}

function keySteps(table: Changed): MigrationStep[] {
  const differences = keyDifferences(table.there, table.wanted)
  const [difference] = differences
  if (!difference) return []
  const { there, spec, tables } = table
  const drop = there.keyName === undefined ? [] : [alter(table, `DROP CONSTRAINT ${quoted(there.keyName)}`)]
  const add = alter(table, `ADD PRIMARY KEY (${spec.key.map(quoted).join(', ')})`)
  return [step(difference.words, [...detachSql(spec.name, [...tables.values()]), ...drop, add], differences)]
}

/** Lets go of a table's key; what refers to it is added again when it is there. */
export function detachSql(name: string, referring: readonly ActualTable[]): string[] {
  return referring.flatMap((table) =>
    [...table.references.values()]
      .filter((reference) => reference.table === name)
      .map((reference) => `ALTER TABLE ${quoted(table.name)} DROP CONSTRAINT IF EXISTS ${constraint(reference.name)}`),
  )
}

// The expression has lines of its own, for whoever writes another one.
function fillStep(description: string, table: Changed, column: string, value: string): MigrationStep {
  const sql = `UPDATE ${quoted(table.spec.name)} SET ${quoted(column)} = (\n  ${value}\n)`
  return { ...step(description, [sql], []), fill: true }
}

function alter({ spec }: Changed, act: string): string {
  return `ALTER TABLE ${quoted(spec.name)} ${act}`
}

function step(description: string, sql: string[], differences: Difference[]): MigrationStep {
  return { description, sql, differences, wanting: [], safe: !differences.some(needsConsent) }
}
