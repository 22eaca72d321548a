import type { Schema } from '../../schema/index.ts'
import type { SqliteExplainer } from './sqlite-explain.ts'
import type { IndexAdvice } from './sqlite-index-advice.ts'

// What only commands ask for is loaded when they do: an app that starts needs none of it.

/** Looks at a database's file, which may be in use. Nothing is written. */
export async function adviseIndexes(file: string, schema: Schema): Promise<IndexAdvice> {
  return (await import('./sqlite-index-advice.ts')).indexAdvice(file, schema)
}

/** Opens a database's file for reads that are explained. */
export async function openExplainer(file: string): Promise<SqliteExplainer> {
  const { SqliteExplainer } = await import('./sqlite-explain.ts')
  return new SqliteExplainer(file)
}
