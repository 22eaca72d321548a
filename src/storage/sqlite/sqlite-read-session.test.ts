import { expect, test } from 'vitest'
import type { SqliteConnection } from './sqlite-connection.ts'
import { type ConnectionSource, SqliteReadSession } from './sqlite-read-session.ts'

const statement = { sql: 'select 1', reach: 'bounded' } as const

/** A file whose log another process takes up: so many statements find it locked. */
function locked(times: number) {
  let left = times
  const connection = {
    db: { isTransaction: true },
    control: () => {},
    cells() {
      if (left-- > 0) throw Object.assign(new Error('database is locked'), { errcode: 261 })
      return [1]
    },
  } as unknown as SqliteConnection
  const source = { take: () => connection, give: () => {}, join: () => undefined, share: () => undefined }
  return { ...source, unshare: () => {}, isBounded: () => true } as unknown as ConnectionSource
}

test.each([false, true])(
  'a read that finds the file locked reads when it is free (the only statement: %s)',
  async (last) => {
    const session = new SqliteReadSession(locked(3), 10_000, false)
    if (last) session.last()
    expect(await session.cells(statement, [])).toEqual([1])
    session.end('transaction_ended')
  },
)

test('and is answered at its deadline when it never is', async () => {
  const session = new SqliteReadSession(locked(Infinity), 30, false)
  const read = async () => session.cells(statement, [])
  await expect(read()).rejects.toMatchObject({ code: 'database_busy', status: 503, headers: { 'Retry-After': '1' } })
})
