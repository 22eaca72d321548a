import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const script = `
import { registerHooks } from 'node:module'
let loads = 0
registerHooks({ resolve: (name, context, next) => (name === 'kysely' && loads++, next(name, context)) })
const { Queries } = await import('./src/storage/sql/queries.ts')
const { sqliteDialect } = await import('./src/storage/sqlite/sqlite-dialect.ts')
const { model, Schema, t } = await import('./src/schema/index.ts')
const Tag = model('tag', { id: t.id() })
const queries = new Queries(sqliteDialect, new Schema([Tag]))
const before = loads
queries.find({ rows: () => [] }, Tag)
console.log(before, loads)
`

test('Kysely is loaded by the first query, not by the start', () => {
  const args = ['--conditions=source', '--input-type=module', '-e', script]
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('0 1')
})
