import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Session } from '../../src/storage/index.ts'
import {
  ample,
  codeOf,
  gate,
  insertPerson,
  names,
  type OpenStorage,
  raw,
  schema,
  sql,
  testUnlessExcused,
  words,
  write,
} from './storage-fixture.ts'
import { exerciseGroups } from './storage-groups.ts'
import { exerciseLog } from './storage-log.ts'
import { exerciseRaw } from './storage-raw.ts'
import { exerciseReads } from './storage-reads.ts'
import { exerciseSchema } from './storage-schema.ts'
import { exerciseWrites } from './storage-writes.ts'

/**
 * What every storage engine promises, as tests.
 *
 * @param open makes an empty database for one test, with the tables of `schema`, and removes it after the test
 * @param openCopy opens what `backup` wrote
 */
export function exerciseStorage(
  name: string,
  open: OpenStorage,
  openCopy: (file: string) => ReturnType<OpenStorage>,
): void {
  describe(name, () => {
    exerciseWrites(open)
    exerciseGroups(open)
    exerciseReads(open)
    exerciseLog(open)
    exerciseRaw(open)
    exerciseSchema(open)

    describe('a backup', () => {
      testUnlessExcused('is the database at one instant, while others write', async () => {
        const { storage } = await open()
        for (let n = 0; n < 200; n++) await write(storage, (session) => insertPerson(session, n))
        const file = path.join(await newFolder(), 'folder', 'copy.db')
        let done = false
        const backup = storage.backup(file).finally(() => {
          done = true
        })
        let written = 200
        while (!done) await write(storage, (session) => insertPerson(session, written++))
        await backup
        const copy = await openCopy(file)
        const copied = await names(copy.storage)
        expect(copied.length).toBeGreaterThanOrEqual(200)
        expect(copied).toEqual((await names(storage)).slice(0, copied.length))
        expect(await copy.storage.position()).toBe(copied.length)
        expect(await copy.storage.compare(schema)).toEqual([])
      })

      testUnlessExcused('appears whole or not at all', async () => {
        const { storage } = await open()
        const folder = await newFolder()
        await expect(storage.backup(path.join(folder, 'missing\0name'))).rejects.toThrow()
        expect(existsSync(path.join(folder, 'missing'))).toBe(false)
      })
    })

    describe('closing', () => {
      test('gives up writes that wait and reads that do not end, and may happen twice', async () => {
        const { storage, reopen } = await open({ closeMillis: 20 })
        const waiting = codeOf(write(storage, (session) => insertPerson(session, 1)))
        const reading = codeOf(
          (async () =>
            storage.read({ deadline: ample }, async (session) => {
              await session.value(sql('select 1'), [])
              await new Promise(() => {})
            }))(),
        )
        await Promise.all([storage.close(), storage.close()])
        const written = await waiting
        // Where it began at once, it has ended well.
        expect(words.isSerial ? ['shutting_down'] : ['shutting_down', 'no error']).toContain(written)
        expect(await reading).toBe('shutting_down')
        expect(await codeOf(write(storage, (session) => insertPerson(session, 2)))).toBe('shutting_down')
        expect(await codeOf((async () => storage.read({ deadline: 1_000 }, () => 1))())).toBe('shutting_down')
        expect(await names(await reopen())).toEqual(written === 'no error' ? ['person 1'] : [])
      })

      test('waits for reads under way', async () => {
        const { storage } = await open({ closeMillis: ample })
        const { opened, open: letGo } = gate()
        const count = (session: Session) => session.value(sql('select count(*) from person'), [])
        const here = storage.read({ deadline: ample }, async (session) => {
          const before = await count(session)
          await opened
          return [before, await count(session)]
        })
        const elsewhere = storage.read({ deadline: ample }, async (session) => {
          await raw(session, 'select 1', [])
          await opened
          return (await raw(session, 'select 1', [])).rows.length
        })
        const closing = storage.close()
        letGo()
        expect(await Promise.all([here, elsewhere])).toEqual([[0, 0], 1])
        await closing
      })
    })
  })
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'monobloc-backup-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
