import { describe, expect, test } from 'vitest'
import {
  ample,
  codeOf,
  insertPerson,
  key,
  names,
  type OpenStorage,
  raw,
  rows,
  words,
  write,
} from './storage-fixture.ts'

export function exerciseRaw(open: OpenStorage): void {
  describe('raw SQL', () => {
    test('gives rows, how many changed, and the last id', async () => {
      const { storage } = await open()
      const results = await write(storage, async (session) => [
        await raw(session, "insert into label (name) values ('a'), ('b')", []),
        await raw(session, 'insert into label (name) values (?) returning id, name', ['c']),
        await raw(session, 'update label set name = name where id > ?', [1]),
        await raw(session, 'select count(*) as n from label', []),
      ])
      expect(results.map(({ rows: found, changes }) => [found.map((row) => ({ ...row })), changes])).toEqual([
        [[], 2],
        [[{ id: 3, name: 'c' }], 1],
        [[], 2],
        [[{ n: 3 }], expect.any(Number)],
      ])
      const lastIds = results.map(({ lastId }) => lastId).slice(0, 2)
      expect(lastIds).toEqual(words.name === 'SQLite' ? [2, 3] : [null, null])
    })

    test('binds what code has', async () => {
      const { storage } = await open()
      const { rows: found } = await write(storage, (session) =>
        raw(session, words.bound.sql, [
          true,
          new Date('2026-01-02T03:04:05.006Z'),
          12345678901234567890n % 2n ** 63n,
          null,
          new Uint8Array([7]),
        ]),
      )
      expect({ ...found[0] }).toEqual(words.bound.back)
      expect(await codeOf(write(storage, (session) => raw(session, 'select ?', [{ a: 1 }])))).toBe('database_error')
    })

    test('refuses what would reach beyond its unit of work', async () => {
      const { storage } = await open()
      const inserted: string[] = []
      for (const [at, text] of words.refused.entries()) {
        const n = at * 3
        const outcomes = await Promise.all([
          codeOf(write(storage, (session) => insertPerson(session, n))),
          codeOf(
            write(storage, async (session) => {
              await insertPerson(session, n + 1)
              await raw(session, text)
            }),
          ),
          codeOf(write(storage, (session) => insertPerson(session, n + 2))),
        ])
        expect(outcomes, text).toEqual(['no error', 'statement_refused', 'no error'])
        inserted.push(`person ${n}`, `person ${n + 2}`)
      }
      expect(await names(storage)).toEqual(inserted)
    })

    test('takes what only looks like it', async () => {
      const { storage } = await open()
      for (const text of words.taken) {
        expect(await codeOf(write(storage, (session) => raw(session, text))), text).toBe('no error')
      }
    })

    test('is guarded in a read too', async () => {
      const { storage } = await open()
      for (const text of words.refusedReading) {
        const read = (async () => storage.read({ deadline: ample }, (session) => raw(session, text, [])))()
        expect(await codeOf(read)).toBe('statement_refused')
      }
    })
  })

  describe('a broken constraint', () => {
    test('says what it was, and leaves nothing', async () => {
      const { storage } = await open()
      await write(storage, async (session) => {
        await insertPerson(session, 1, 'ann')
        await raw(session, 'insert into debt (person) values (?)', [key(1)])
      })
      for (const [text, code, subject, violations] of words.broken) {
        const broken = write(storage, (session) => raw(session, text))
        await expect(broken, text).rejects.toMatchObject({ code, subject, violations })
        expect(await rows(storage, 'select name from person')).toEqual([{ name: 'ann' }])
      }
    })
  })
}
