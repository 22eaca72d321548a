import { MonoblocError, type Violation } from '../errors.ts'
import {
  type AnyModel,
  allOf,
  type Condition,
  deletionOf,
  everything,
  type Field,
  liveRows,
  notThat,
  parseFilter,
} from '../schema/index.ts'
import type { AnyRow } from '../storage/index.ts'
import type { RowReader } from './rows.ts'

type LinkChange = readonly unknown[] | { add?: readonly unknown[] }

/**
 * Sees that nobody refers to a deleted row, and that somebody may read every row that they refer to. A row that they may
 * not see is answered exactly as one that does not exist.
 *
 * @throws MonoblocError `reference_not_found` with every reference that leads nowhere
 */
export async function checkReferences(rows: RowReader, model: AnyModel, values: AnyRow): Promise<void> {
  const violations: Violation[] = []
  for (const [name, value] of Object.entries(values)) {
    const field = (model.fields as Map<string, Field>).get(name)
    if (value === undefined || value === null || (field?.kind !== 'ref' && field?.kind !== 'manyToMany')) continue
    const target = field.options.target as AnyModel
    const rule = rows.guard?.rule(target, 'read') ?? everything
    const isOpen = rule.kind === 'constant' && rule.value
    if (isOpen && !deletionOf(target)) continue
    const isOne = field.kind === 'ref'
    const keys = isOne ? [value] : linkedBy(value as LinkChange)
    // Where every row may be read the database finds out itself which are not there: a row may come with this very write.
    const found = await (isOpen ? deletedKeys(rows, target, keys) : visibleKeys(rows, target, rule, keys))
    for (const [at, key] of keys.entries()) {
      if (found.has(String(key)) !== isOpen) continue
      const path = isOne ? [name] : [name, at]
      violations.push({ path, code: 'reference_not_found', message: `refers to no ${target.name}` })
    }
  }
  if (violations.length > 0) throw new MonoblocError('reference_not_found', { subject: model.name, violations })
}

async function visibleKeys(
  rows: RowReader,
  target: AnyModel,
  rule: Condition,
  keys: readonly unknown[],
): Promise<ReadonlySet<string>> {
  return rule.kind === 'constant' ? new Set() : keysAmong(rows, target, keys, rule, false)
}

async function deletedKeys(rows: RowReader, target: AnyModel, keys: readonly unknown[]): Promise<ReadonlySet<string>> {
  return keysAmong(rows, target, keys, notThat(liveRows(target)!), true)
}

async function keysAmong(
  { queries, session, schema }: RowReader,
  target: AnyModel,
  keys: readonly unknown[],
  condition: Condition,
  withDeleted: boolean,
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set()
  const name = target.key[0] as string
  const where = allOf([condition, parseFilter(schema, target, { [name]: { in: [...keys] } }, { secret: true })])
  const { rows } = await queries.find(session, target, { where, fields: [name], limit: keys.length, withDeleted })
  return new Set(rows.map((row) => String(row[name])))
}

function linkedBy(change: LinkChange): readonly unknown[] {
  return 'add' in change ? (change.add ?? []) : Array.isArray(change) ? change : []
}
