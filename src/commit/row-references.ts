import { MonoblocError, type Violation } from '../errors.ts'
import { type AnyModel, allOf, type Condition, type Field, parseFilter } from '../schema/index.ts'
import type { AnyRow } from '../storage/index.ts'
import type { RowReader } from './rows.ts'

type LinkChange = readonly unknown[] | { add?: readonly unknown[] }

/**
 * Sees that somebody may read every row that they refer to. A row that they may not see is answered exactly as one that
 * does not exist.
 *
 * @throws MonoblocError `reference_not_found` with every reference that leads nowhere
 */
export async function checkReferences(rows: RowReader, model: AnyModel, values: AnyRow): Promise<void> {
  if (!rows.guard) return
  const violations: Violation[] = []
  for (const [name, value] of Object.entries(values)) {
    const field = (model.fields as Map<string, Field>).get(name)
    if (value === undefined || value === null || (field?.kind !== 'ref' && field?.kind !== 'manyToMany')) continue
    const target = field.options.target as AnyModel
    const rule = rows.guard.rule(target, 'read')
    if (rule.kind === 'constant' && rule.value) continue
    const isOne = field.kind === 'ref'
    const keys = isOne ? [value] : linkedBy(value as LinkChange)
    const visible = await visibleKeys(rows, target, rule, keys)
    for (const [at, key] of keys.entries()) {
      if (visible.has(String(key))) continue
      const path = isOne ? [name] : [name, at]
      violations.push({ path, code: 'reference_not_found', message: `refers to no ${target.name}` })
    }
  }
  if (violations.length > 0) throw new MonoblocError('reference_not_found', { subject: model.name, violations })
}

async function visibleKeys(
  { queries, session, schema }: RowReader,
  target: AnyModel,
  rule: Condition,
  keys: readonly unknown[],
): Promise<ReadonlySet<string>> {
  if (keys.length === 0 || rule.kind === 'constant') return new Set()
  const name = target.key[0] as string
  const where = allOf([rule, parseFilter(schema, target, { [name]: { in: [...keys] } }, { secret: true })])
  const { rows } = await queries.find(session, target, { where, fields: [name], limit: keys.length })
  return new Set(rows.map((row) => String(row[name])))
}

function linkedBy(change: LinkChange): readonly unknown[] {
  return 'add' in change ? (change.add ?? []) : Array.isArray(change) ? change : []
}
