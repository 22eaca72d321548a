import { describe, expect, test } from 'vitest'
import type { SchemaChange } from '../storage/index.ts'
import type { Mode } from './config-environment.ts'
import { checkSchema } from './schema-check.ts'

const safe: SchemaChange = { safe: true, description: 'create table article', sql: ['create table article (id)'] }
const unsafe: SchemaChange = { safe: false, description: 'drop column article.body', sql: [] }

/** A database at a position that differs by these changes. */
async function check(mode: Mode, position: number, changes: SchemaChange[]) {
  const applied: SchemaChange[] = []
  const storage = {
    compare: async () => changes,
    position: async () => position,
    apply: async (_: unknown, some: readonly SchemaChange[]) => void applied.push(...some),
  }
  const migrator = {
    history: async () => [],
    migratedTo: async () => 0,
    follow: async () => ({ steps: [], questions: [] }),
    exclusively: <T>(work: () => Promise<T>) => work(),
  } as never
  const sources = { storage, migrator, files: [], runProgram: () => {}, schema: {} as never, mode }
  try {
    return { ...(await checkSchema(sources)), ran: applied }
  } catch (error) {
    return { error: error as Error & { code: string; violations: unknown[] }, ran: applied }
  }
}

describe('a database that matches its models', () => {
  test.each(['production', 'development'] as const)('is left alone in %s', async (mode) => {
    expect(await check(mode, 7, [])).toEqual({ fresh: false, applied: [], newer: [], ran: [] })
    expect(await check(mode, 0, [])).toEqual({ fresh: true, applied: [], newer: [], ran: [] })
  })
})

describe('a database that differs', () => {
  test('gets its tables in production when nothing was ever committed to it', async () => {
    expect(await check('production', 0, [safe])).toMatchObject({
      fresh: true,
      applied: [safe.description],
      ran: [safe],
    })
  })
  test('is refused in production when it is in use, even by a safe change', async () => {
    const { error, ran } = await check('production', 1, [safe])
    expect(error).toMatchObject({
      code: 'schema_differs',
      violations: [{ code: 'safe_change', message: safe.description }],
    })
    expect(ran).toEqual([])
  })
  test.each(['development', 'test'] as const)('gets safe changes in %s', async (mode) => {
    expect(await check(mode, 7, [safe])).toMatchObject({ fresh: false, ran: [safe] })
  })
  test.each(['production', 'development', 'test'] as const)(
    'is refused whole in %s when a change is not safe',
    async (mode) => {
      const { error, ran } = await check(mode, 0, [safe, unsafe])
      expect(error?.message).toContain('create table article; drop column article.body (could lose or refuse data)')
      expect(ran).toEqual([])
    },
  )
})
