import type { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { SqliteChangeWatch } from './sqlite-change-watch.ts'

test('a look that finds the file locked looks again when it is free, and so does who comes meanwhile', async () => {
  // Another process takes up its log: so many statements find it locked.
  let locked = 0
  let commits = 0
  const statement = (sql: string) => ({
    setReturnArrays() {},
    get: () => [commits],
    all() {
      if (locked-- > 0) throw Object.assign(new Error(`locked: ${sql}`), { errcode: 261 })
      return []
    },
  })
  const db = { isTransaction: false, prepare: statement } as unknown as DatabaseSync
  const told: unknown[] = []
  const listener = { wants: () => true, changed: (changes: unknown) => told.push(changes) }
  const watch = new SqliteChangeWatch(db, listener, { onOthers() {}, onClose() {} })
  watch.catchUp()
  expect(told.splice(0)).toEqual(['all'])
  commits++
  locked = 4
  const looks = [watch.catchUp(true), watch.catchUp(true)]
  expect([...looks, ...told]).toEqual([expect.any(Promise), expect.any(Promise)])
  await Promise.all(looks)
  expect(told).toEqual(['all'])
})
