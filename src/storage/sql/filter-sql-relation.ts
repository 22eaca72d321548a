import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { Condition, Relation } from '../../schema/index.ts'
import { comparisonSql, type FilterWriter } from './filter-sql-compare.ts'
import { subqueryAllowed } from './filter-sql-inline-refusal.ts'
import { sql } from './kysely.ts'

type RelationCondition = Extract<Condition, { relation: Relation }>
type Write = (writer: FilterWriter, condition: Condition) => RawBuilder<SqlBool>

/** Conditions on related rows, as subqueries that look them up by key. */
export function relationSql(writer: FilterWriter, condition: RelationCondition, write: Write): RawBuilder<SqlBool> {
  const { relation } = condition
  subqueryAllowed(writer, relation.name)
  if (condition.kind === 'one') {
    if (relation.via.kind === 'ref' && isTrue(condition.where))
      return sql`${writer.column(relation.via.field)} is not null`
    return sql`exists (${relatedRows(writer, relation, sql`1`, [condition.where], write)})`
  }
  if (condition.kind === 'count') {
    const count = relatedRows(writer, relation, sql`count(*)`, [condition.within], write)
    return comparisonSql(writer, sql`(${count})`, { type: 'integer' }, condition.comparison)
  }
  const { quantity, within, where } = condition
  const wanted: Condition = quantity === 'every' ? { kind: 'not', part: where } : where
  const rows = relatedRows(writer, relation, sql`1`, [within, wanted], write)
  return quantity === 'some' ? sql`exists (${rows})` : sql`not exists (${rows})`
}

function isTrue(condition: Condition): boolean {
  return condition.kind === 'constant' && condition.value
}

/** `select … from the related rows where they match every condition` */
function relatedRows(
  writer: FilterWriter,
  relation: Relation,
  selected: Expression<unknown>,
  conditions: readonly Condition[],
  write: Write,
): RawBuilder<unknown> {
  const { via, from, to } = relation
  const asked = conditions.filter((condition) => !isTrue(condition))
  const row = writer.alias()
  const related = writer.related(row)
  const matched = () => sql.join([sql``, ...asked.map((condition) => write(related, condition))], sql` and `)
  const table = sql`${sql.table(to.name)} as ${sql.ref(row)}`
  if (via.kind === 'ref') {
    return sql`select ${selected} from ${table} where ${related.column(to.key[0]!)} = ${writer.column(via.field)}${matched()}`
  }
  const key = writer.column(from.key[0]!)
  if (via.kind === 'inverse') {
    return sql`select ${selected} from ${table} where ${related.column(via.field)} = ${key}${matched()}`
  }
  const pair = writer.alias()
  const links = sql`${sql.table(via.table)} as ${sql.ref(pair)}`
  const near = sql.ref(`${pair}.${via.near}`)
  // Both columns of a link are held by foreign keys, so the other row is there and only its columns could be missing.
  if (asked.length === 0) return sql`select ${selected} from ${links} where ${near} = ${key}`
  const joined = sql`${table} on ${related.column(to.key[0]!)} = ${sql.ref(`${pair}.${via.far}`)}`
  return sql`select ${selected} from ${links} inner join ${joined} where ${near} = ${key}${matched()}`
}
