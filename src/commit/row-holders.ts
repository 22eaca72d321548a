import { MonoblocError } from '../errors.ts'
import { type AnyModel, allOf, type Field, parseFilter } from '../schema/index.ts'
import type { RowReader } from './rows.ts'

/**
 * What somebody is told of a row that could not go because others refer to it: which model they are of, if they may read
 * one of them; that there are any, and no more, if not.
 *
 * @param key undefined where it was about several rows
 */
export async function toldOfHolders(rows: RowReader, model: AnyModel, key: unknown, error: unknown): Promise<unknown> {
  if (!rows.guard || !(error instanceof MonoblocError) || error.code !== 'reference_in_use') return error
  const isOwn = error.subject === model.name
  const seen = isOwn && key !== undefined ? await seenHolder(rows, model, key) : undefined
  return new MonoblocError('reference_in_use', {
    cause: error,
    ...(isOwn && { subject: model.name }),
    ...(seen && { violations: [{ path: [], code: 'reference_in_use', message: `${seen} still refers to it` }] }),
  })
}

/** `comment.author`, of a comment that may be read. */
async function seenHolder(
  { guard, queries, session, schema }: RowReader,
  model: AnyModel,
  key: unknown,
): Promise<string | undefined> {
  for (const other of schema.models.values()) {
    const rule = guard!.rule(other, 'read')
    if (rule.kind === 'constant' && !rule.value) continue
    for (const [name, { kind, options }] of other.fields as Map<string, Field>) {
      const holds = kind === 'ref' && options.target === model && options.onDelete === 'restrict' && !options.writeOnly
      if (!holds) continue
      const where = allOf([rule, parseFilter(schema, other, { [name]: key }, { secret: true })])
      if (await queries.first(session, other, { where, fields: [...other.key] })) return `${other.name}.${name}`
    }
  }
  return undefined
}
