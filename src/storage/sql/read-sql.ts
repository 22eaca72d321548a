import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { Relation } from '../../schema/index.ts'
import type { Dialect } from './dialect.ts'
import { conditionSql, type FilterContext, filterContext } from './filter-sql.ts'
import { mostIncluded } from './include-resolve.ts'
import { orderSql } from './keyset.ts'
import { sql } from './kysely.ts'
import type { ModelPlan, StoredColumn } from './model-plan.ts'
import {
  type Include,
  type IncludeMany,
  type IncludeOne,
  type PlacedCondition,
  parentColumn,
  type ReadLevel,
} from './read-level.ts'
import { codeOrder } from './row-order.ts'
import type { SqlEngine } from './sql-engine.ts'
import { Slot } from './template.ts'

type Sql = Expression<unknown>

/**
 * `rows`: cells as code decodes them. `json`: documents as they leave, for levels of which `isJson` holds.
 */
export type ReadForm = 'rows' | 'json'

/** Writes the SQL of one statement: columns, conditions and includes, with slots where values go. */
export class SqlWriter {
  readonly dialect: Dialect
  readonly engine: SqlEngine
  readonly form: ReadForm
  #next = 0
  #aliases = 0
  readonly #filters: FilterContext

  constructor(dialect: Dialect, engine: SqlEngine, form: ReadForm) {
    this.dialect = dialect
    this.engine = engine
    this.form = form
    this.#filters = filterContext(dialect, () => new Slot(this.#next++))
  }

  alias(): string {
    return `t${++this.#aliases}`
  }

  condition(placed: PlacedCondition, table: string): Expression<SqlBool> {
    this.#next = placed.at
    return conditionSql(this.#filters, placed.condition, table)
  }

  /** ` and …`, or nothing. */
  and(placed: PlacedCondition | undefined, table: string): Sql {
    return placed ? sql` and ${this.condition(placed, table)}` : sql``
  }

  /** A document of a level's row: an object, or the cells of its stored columns and includes in an array. */
  document(level: ReadLevel, table: string, more: readonly StoredColumn[] = []): Sql {
    const { engine, dialect } = this
    if (this.form === 'rows') {
      const cell = ({ name, type }: StoredColumn) => {
        const column = ref(table, name)
        return type.type === 'bytes' ? engine.hex(column) : dialect.selected(type, column)
      }
      const includes = level.includes.map((include) => this.include(include, level.plan, table, true))
      return engine.array([...level.stored.map(cell), ...includes, ...more.map(cell)])
    }
    return engine.object(
      level.outputs.map((output) => {
        if ('include' in output) return [output.name, this.include(output.include, level.plan, table, true)]
        const { column } = output as { column: StoredColumn }
        return [output.name, dialect.json(column.type, ref(table, column.name))!]
      }),
    )
  }

  /** @param embedded it becomes part of a document, not a column of the result */
  include(include: Include, parent: ModelPlan, parentTable: string, embedded: boolean): Sql {
    const table = this.alias()
    const { relation } = include
    const key = ref(parentTable, parentColumn(parent, relation).name)
    if (include.kind === 'count' || include.kind === 'exists') {
      const found = include.kind === 'count' ? sql`count(*)` : sql`1`
      const rows = sql`(select ${found} from ${this.#related(relation, table, key, include.where, true)})`
      if (include.kind === 'count') return rows
      const exists = sql`exists ${rows}`
      return this.form === 'json' ? this.dialect.json({ type: 'boolean' }, exists)! : sql`(${exists})`
    }
    const rows = include.kind === 'one' ? this.#one(include, table, key) : this.#many(include, table, key)
    // Code reads a document within a document also where it comes as its text, so that SQLite need not parse it again.
    return embedded && this.form === 'json' ? this.engine.embedded(rows) : rows
  }

  #one(include: IncludeOne, table: string, key: Sql): Sql {
    const document = this.document(include.level, table)
    const rows = this.#related(include.relation, table, key, include.where)
    return sql`(select ${document} from ${rows}${include.latest ? latestFirst(include.level.plan, table) : sql``})`
  }

  // The rows are chosen within, so that what is made of them is made only of those that are shown.
  #many(include: IncludeMany, table: string, key: Sql): Sql {
    const { level, sorting, limitAt, ceiling, capped, relation, where } = include
    const { engine } = this
    const chosen = this.alias()
    const order = this.form === 'rows' ? codeOrder(include) : undefined
    const list = engine.arrayOfRows(this.document(level, chosen, order?.extra))
    const result = capped
      ? sql`case when count(*) > ${sql.lit(mostIncluded)} then ${engine.tooMany()} else ${list} end`
      : list
    const columns = sql.join(neededColumns(level, order?.extra).map(({ name }) => ref(table, name)))
    const sorted = order ? sql`` : orderSql(engine, sorting, table)
    const from = this.#related(relation, table, key, where)
    const rows = engine.limited(
      sql`select ${columns} from ${from} ${sorted}`,
      sql`${new Slot(limitAt)}`,
      undefined,
      ceiling,
    )
    return sql`(select ${result} from (${rows}) as ${sql.ref(chosen)})`
  }

  /**
   * `… where`: the rows that a relation leads to from the row with this key.
   *
   * @param counted nothing of them is shown
   */
  #related({ via, to }: Relation, table: string, key: Sql, where: PlacedCondition | undefined, counted = false): Sql {
    const model = sql`${sql.table(to.name)} as ${sql.ref(table)}`
    if (via.kind === 'link') {
      const pair = this.alias()
      const links = sql`${sql.table(via.table)} as ${sql.ref(pair)}`
      // Foreign keys hold both columns of a link, so that there is a row for each.
      if (counted && !where) return sql`${links} where ${ref(pair, via.near)} = ${key}`
      const joined = sql`${model} on ${ref(table, to.key[0]!)} = ${ref(pair, via.far)}`
      return sql`${links} inner join ${joined} where ${ref(pair, via.near)} = ${key}${this.and(where, table)}`
    }
    const column = via.kind === 'ref' ? to.key[0]! : via.field
    return sql`${model} where ${ref(table, column)} = ${key}${this.and(where, table)}`
  }
}

function latestFirst({ deletedAt }: ModelPlan, table: string): RawBuilder<unknown> {
  const deleted = ref(table, deletedAt!.name)
  return sql` order by ${deleted} is not null, ${deleted} desc limit 1`
}

export function ref(table: string, column: string): RawBuilder<unknown> {
  return sql.ref(`${table}.${column}`)
}

/** What a subquery that chooses a level's rows must hand on: their columns, and those by which includes are found. */
export function neededColumns(level: ReadLevel, more: readonly StoredColumn[] = []): StoredColumn[] {
  const columns = new Set([
    ...level.stored,
    ...level.includes.map(({ relation }) => parentColumn(level.plan, relation)),
    ...more,
  ])
  return columns.size > 0 ? [...columns] : [...level.plan.key]
}

/** SQL alone can make the documents of the level: nothing in it needs code. */
export function isJson(dialect: Dialect, level: ReadLevel): boolean {
  return level.outputs.every((output) => {
    if ('virtual' in output) return false
    if ('column' in output) return dialect.json(output.column.type, sql`x`) !== undefined
    return 'level' in output.include ? isJson(dialect, output.include.level) : true
  })
}
