import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startLockSuffix, withStartLock } from './sqlite-start-lock.ts'

test('of many that start on one database one is within at a time, and nothing is left', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'app.db')
  let within = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++within)
    await new Promise((resolve) => setImmediate(resolve))
    within--
  }
  await Promise.all(Array.from({ length: 8 }, () => withStartLock(file, work)))
  expect(most).toBe(1)
  await expect(withStartLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(existsSync(file + startLockSuffix)).toBe(false)
})
