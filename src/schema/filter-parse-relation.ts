import { liveRows } from './deletion.ts'
import { allOf, type Comparison, type Condition, everything, nothing, notThat } from './filter-condition.ts'
import { equalityOperators, manyOperators, operandOf, orderOperators } from './filter-operator.ts'
import { type Operand, readOperand, readOperator } from './filter-parse-operators.ts'
import { type FilterPath, isPlainObject, listed, type Reading } from './filter-reading.ts'
import type { Relation, Schema } from './schema.ts'

const countOperators = ['eq', 'ne', 'in', 'nin', ...orderOperators]

/** The other side of a to-one relation: a key, null, operators on the key, a filter of the related row, or the last two mixed. */
export function readToOne(
  reading: Reading,
  relation: Relation,
  value: unknown,
  path: FilterPath,
  level: number,
): Condition {
  const operand = keyOperand(reading, relation)
  if (value === null) return readOperator(reading, operand, 'null', true, path)
  if (!isPlainObject(value)) return readOperand(reading, operand, value, path)
  const entries = reading.members(value, path, 'a key, null or a filter')
  // A field of the related model wins over an operator of the same name.
  const isOperator = ([key]: [string, unknown]) =>
    operand.operators.includes(key) && !names(reading.schema, relation, key)
  const operators = entries.filter(isOperator)
  const rest = entries.filter((entry) => !isOperator(entry))
  const parts = operators.map(([operator, against]) =>
    readOperator(reading, operand, operator, against, [...path, operator]),
  )
  if (rest.length > 0 || operators.length === 0) {
    reading.count(path)
    const where = reading.cross(relation.to, Object.fromEntries(rest), path, level + 1)
    parts.push({ kind: 'one', relation, where: allOf([visible(reading, relation), where]) })
  }
  return allOf(parts)
}

function names(schema: Schema, relation: Relation, key: string): boolean {
  return relation.to.fields.has(key) || schema.relation(relation.to, key) !== undefined
}

/** The related rows that count: those that are not deleted and that may be read. */
function visible(reading: Reading, { to }: Relation): Condition {
  const readable = reading.restrict(to) ?? everything
  const live = liveRows(to)
  return live ? allOf([live, readable]) : readable
}

/** A reference holds the key itself; on the way back the key is looked for in the related row. */
function keyOperand(reading: Reading, relation: Relation): Operand {
  const { via, to, from } = relation
  if (via.kind === 'ref') {
    const operand = operandOf(from.fields.get(via.field)!)
    const make = (comparison: Comparison): Condition => ({
      kind: 'compare',
      column: via.field,
      type: operand.type,
      comparison,
    })
    return { ...operand, make }
  }
  const column = to.key[0]!
  const { type, values, normalise } = operandOf(to.fields.get(column)!)
  const related = (where: Condition): Condition => ({
    kind: 'one',
    relation,
    where: allOf([visible(reading, relation), where]),
  })
  const compare = (comparison: Comparison) => related({ kind: 'compare', column, type, comparison })
  const make = (comparison: Comparison): Condition => {
    if (comparison.operator === 'null') return comparison.value ? notThat(related(everything)) : related(everything)
    if (comparison.operator === 'ne') return notThat(compare({ operator: 'eq', value: comparison.value }))
    return compare(comparison)
  }
  return { type, operators: to.key.length > 1 ? ['null'] : equalityOperators, values, normalise, make }
}

/** `some`, `every` and `none` with a filter of the related rows, `count` with a number or its operators. */
export function readToMany(
  reading: Reading,
  relation: Relation,
  value: unknown,
  path: FilterPath,
  level: number,
): Condition {
  const allowed = `an object of ${listed(manyOperators)}`
  const entries = reading.members(value, path, allowed)
  if (isPlainObject(value) && entries.length === 0) reading.violate(path, 'invalid_value', `must be ${allowed}`)
  return allOf(
    entries.map(([quantity, inner]): Condition => {
      const at = [...path, quantity]
      const within = visible(reading, relation)
      if (quantity === 'count') {
        const make = (comparison: Comparison): Condition => ({ kind: 'count', relation, within, comparison })
        return readOperand(reading, { type: { type: 'integer' }, operators: countOperators, make }, inner, at)
      }
      reading.count(at)
      if (quantity === 'some' || quantity === 'every' || quantity === 'none') {
        return {
          kind: 'many',
          relation,
          quantity,
          within,
          where: reading.cross(relation.to, inner, at, level + 1),
        }
      }
      reading.violate(at, 'unknown_operator', `is not an operator here; allowed: ${listed(manyOperators)}`)
      return nothing
    }),
  )
}
