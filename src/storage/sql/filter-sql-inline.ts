import type { RawBuilder } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import { type ColumnType, type Condition, parseJsonPath } from '../../schema/index.ts'
import type { Dialect } from './dialect.ts'
import { writeCondition } from './filter-sql.ts'
import type { FilterWriter } from './filter-sql-compare.ts'
import { notInline } from './filter-sql-inline-refusal.ts'
import { kysely, sql } from './kysely.ts'

/**
 * The SQL of a condition with its constants in it, for the WHERE of a partial index and, as `(…) IS TRUE`, for a CHECK
 * (which passes when it is null). Only built-in functions, so that other programs can write to the table too.
 *
 * @throws MonoblocError `definition_invalid` for what crosses a relation, is case-blind, or needs a subquery
 */
export function inlineConditionSql(dialect: Dialect, condition: Condition): string {
  return inlined(dialect, writeCondition(inlineWriter(dialect), condition))
}

/**
 * The expression of an indexed field: the column, or for `data.address.city` the place in the column that filters ask for.
 *
 * @throws MonoblocError `definition_invalid` when it is no place
 */
export function indexedFieldSql(dialect: Dialect, field: string): string {
  // Written by hand: at each start the tables are compared with the models, and Kysely need not be loaded for that.
  const dot = field.indexOf('.')
  if (dot === -1) return `"${field}"`
  const path = parseJsonPath(field.slice(dot + 1))
  if (!path) throw new MonoblocError('definition_invalid', { detail: `"${field}" is not a place in a json field.` })
  return dialect.documents.indexed(field.slice(0, dot), path)
}

function inlined(dialect: Dialect, expression: RawBuilder<unknown>): string {
  const compiled = dialect
    .kysely()
    .compiler()
    .compileQuery(expression.toOperationNode() as never, kysely().createQueryId())
  if (compiled.parameters.length > 0) throw new Error('a constant was left out')
  return compiled.sql
}

function inlineWriter(dialect: Dialect): FilterWriter {
  const literal = (type: ColumnType, value: unknown) => sql.raw(dialect.literal(dialect.encode(type, value)))
  return {
    dialect,
    alias: () => {
      throw notInline('A relation')
    },
    column: (name) => sql.ref(name),
    value: literal,
    isIn: (type, target, values) => sql`${target} in (${sql.join(values.map((value) => literal(type, value)))})`,
    fold: () => {
      throw notInline('A case-blind operator')
    },
    related: () => {
      throw notInline('A relation')
    },
    subqueries: false,
  }
}
