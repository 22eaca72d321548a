import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/storage/index.ts'
import {
  ample,
  codeOf,
  gate,
  insertPerson,
  names,
  type OpenStorage,
  raw,
  rows,
  sql,
  testUnlessExcused,
  until,
  words,
  write,
} from './storage-fixture.ts'

export function exerciseReads(open: OpenStorage): void {
  describe('a read', () => {
    test('sees one snapshot, and the next one what was written since', async () => {
      const { storage } = await open()
      await write(storage, (session) => insertPerson(session, 1))
      const counts = await storage.read({ deadline: ample }, async (session) => {
        const before = await session.value(sql('select count(*) from person'), [])
        await write(storage, (writing) => insertPerson(writing, 2))
        return [before, await session.value(sql('select count(*) from person'), [])]
      })
      expect(counts).toEqual([1, 1])
      expect(await names(storage)).toEqual(['person 1', 'person 2'])
    })

    test('gives rows, the first row, its first value, and nothing where there is none', async () => {
      const { storage } = await open()
      await write(storage, async (session) => {
        await insertPerson(session, 1)
        await insertPerson(session, 2)
      })
      await storage.read({ deadline: ample }, async (session) => {
        const text = 'select name, id from person where name like ? order by id'
        expect(await session.all(sql(text), ['person%'])).toMatchObject([{ name: 'person 1' }, { name: 'person 2' }])
        expect(await session.first(sql(text), ['person%'])).toMatchObject({ name: 'person 1' })
        expect(await session.value(sql(text), ['person%'])).toBe('person 1')
        expect(await session.cells(sql('select name, 7 from person order by id'), [])).toEqual(['person 1', 7])
        expect(await session.cells(sql(text), ['nobody'])).toBeUndefined()
        const texts = sql('select name, name from person order by id')
        expect(await session.rows(texts, [])).toEqual([
          ['person 1', 'person 1'],
          ['person 2', 'person 2'],
        ])
        expect(await session.all(sql(text), ['nobody'])).toEqual([])
        expect(await session.rows(sql(text), ['nobody'])).toEqual([])
        expect(await session.first(sql(text), ['nobody'])).toBeUndefined()
        expect(await session.value(sql(text), ['nobody'])).toBeUndefined()
        expect(session.position).toBeUndefined()
        expect(session.writable).toBe(false)
      })
    })

    test('may not write, however it tries', async () => {
      const { storage } = await open()
      const attempts: ((session: Session) => unknown)[] = [
        (session) => insertPerson(session, 1),
        (session) => session.all(sql("insert into label (name) values ('x') returning id"), []),
        (session) => session.rows(sql("insert into label (name) values ('x') returning id"), []),
        (session) => session.first(sql("insert into label (name) values ('x') returning id"), []),
        (session) => session.value(sql("insert into label (name) values ('x') returning id"), []),
        (session) => raw(session, "insert into label (name) values ('x')", []),
        (session) => raw(session, "insert into label (name) values ('x') returning id", []),
      ]
      for (const attempt of attempts) {
        const read = (async () => storage.read({ deadline: ample }, async (session) => attempt(session)))()
        expect(await codeOf(read)).toBe('transaction_read_only')
      }
      expect(await rows(storage, 'select * from label')).toEqual([])
    })

    test('that never ends is given up at its deadline, and its handle throws from then on', async () => {
      const { storage } = await open({ readers: 1 })
      let kept: Session | undefined
      const { opened, open: letGo } = gate()
      const stuck = (async () =>
        storage.read({ deadline: 30 }, async (session) => {
          kept = session
          await session.value(sql('select count(*) from person'), [])
          await opened
        }))()
      expect(await codeOf(stuck)).toBe('deadline_exceeded')
      expect(await codeOf((async () => kept!.all(sql('select 1'), []))())).toBe('deadline_exceeded')
      // The only snapshot is free again.
      expect(await names(storage)).toEqual([])
      letGo()
    })

    test('throws what its work throws', async () => {
      const { storage } = await open()
      const thrown = (async () =>
        storage.read({ deadline: ample }, () => {
          throw new Error('no')
        }))()
      await expect(thrown).rejects.toThrow('no')
      const broken = (async () =>
        storage.read({ deadline: ample }, (session) => session.all(sql('select missing'), [])))()
      expect(await codeOf(broken)).toBe('database_error')
    })

    test('has a handle that ends with it', async () => {
      const { storage } = await open()
      let kept: Session | undefined
      await storage.read({ deadline: ample }, async (session) => {
        kept = session
        await session.all(sql('select 1'), [])
      })
      for (const call of [() => kept!.all(sql('select 1'), []), () => raw(kept!, 'select 1', [])]) {
        expect(await codeOf((async () => call())())).toBe('transaction_ended')
      }
    })

    test('waits for a snapshot up to a number of others, and one more is refused', async () => {
      const { storage } = await open({ readers: 2, maxWaitingReads: 2 })
      const { opened, open: letGo } = gate()
      const held = async () =>
        storage.read({ deadline: ample }, async (session) => {
          await session.value(sql('select 1'), [])
          await opened
          return 'held'
        })
      const asked = [held(), held(), held(), held(), held()]
      expect(await codeOf(asked[4]!)).toBe('overloaded')
      letGo()
      expect(await Promise.all(asked.slice(0, 4))).toEqual(['held', 'held', 'held', 'held'])
    })

    test('waits for a snapshot no longer than its deadline', async () => {
      const { storage } = await open({ readers: 1 })
      const { opened, open: letGo } = gate()
      const holder = (async () =>
        storage.read({ deadline: ample }, async (session) => {
          await session.value(sql('select 1'), [])
          await opened
        }))()
      expect(
        await codeOf((async () => storage.read({ deadline: 20 }, async (one) => one.all(sql('select 1'), [])))()),
      ).toBe('deadline_exceeded')
      letGo()
      await holder
    })
  })

  describe('a read that may take long', () => {
    test('is ended at its deadline while others read and write', async () => {
      const { storage } = await open({ readerProcesses: 1 })
      const late = (async () => storage.read({ deadline: 1_500 }, (session) => raw(session, words.endless, [])))()
      let running = true
      const ended = codeOf(late).finally(() => {
        running = false
      })
      let writes = 0
      while (running) {
        await write(storage, (session) => insertPerson(session, ++writes))
        await rows(storage, 'select count(*) from person')
      }
      expect(await ended).toBe('deadline_exceeded')
      expect(writes).toBeGreaterThan(2)
      // Another process takes the place of the one that was killed.
      const next = await storage.read({ deadline: ample }, (session) =>
        raw(session, 'select count(*) as n from person', []),
      )
      expect(next.rows[0]!.n).toBe(writes)
    })

    test('starts over with one snapshot for all of its statements', async () => {
      const { storage } = await open()
      await write(storage, (session) => insertPerson(session, 1))
      let runs = 0
      const seen = await storage.read({ deadline: ample }, async (session) => {
        runs++
        const first = await session.value(sql('select count(*) from person'), [])
        const { rows: second } = await raw(session, 'select count(*) as n from person', [])
        await write(storage, (writing) => insertPerson(writing, 1 + runs))
        const third = await session.value(sql('select count(*) from person'), [])
        return [first, second[0]!.n, third]
      })
      expect(runs).toBe(words.movesReads ? 2 : 1)
      expect(seen).toEqual([1, 1, 1])
      expect(await names(storage)).toHaveLength(2)
    })

    testUnlessExcused('starts over even when its work swallows every error', async () => {
      const { storage } = await open()
      const runs: unknown[][] = []
      const result = await storage.read({ deadline: ample }, async (session) => {
        const attempts: unknown[] = []
        runs.push(attempts)
        const attempt = async (ask: () => unknown) => {
          try {
            attempts.push(await ask())
          } catch {
            attempts.push('swallowed')
          }
        }
        await attempt(() => session.value(sql('select 7'), []))
        await attempt(async () => (await raw(session, 'select 8 as n', [])).rows[0]!.n)
        await attempt(() => session.value(sql('select 9'), []))
        return attempts
      })
      expect(runs).toEqual([
        [7, 'swallowed', 'swallowed'],
        [7, 8, 9],
      ])
      expect(result).toBe(runs[1])
    })

    testUnlessExcused('starts there the next time, by its label', async () => {
      const { storage } = await open()
      let runs = 0
      const read = () =>
        storage.read({ deadline: ample, label: 'report' }, async (session) => {
          runs++
          return (await raw(session, 'select 1 as n', [])).rows.length
        })
      await read()
      expect(runs).toBe(2)
      await read()
      expect(runs).toBe(3)
    })

    test('is refused beyond the processes there are and those that may wait', async () => {
      const { storage } = await open({ readers: 1, readerProcesses: 1, maxWaitingReads: 1 })
      const { opened, open: letGo } = gate()
      let running = 0
      const report = async () =>
        storage.read({ deadline: ample }, async (session) => {
          const { rows: found } = await raw(session, 'select 1 as n', [])
          running++
          await opened
          return found.length
        })
      const first = report()
      await until(() => running === 1)
      const second = report()
      const third = report()
      expect(await codeOf(third)).toBe('overloaded')
      letGo()
      expect(await Promise.all([first, second])).toEqual([1, 1])
    })

    test('gives as many rows as one answer may hold, and one more is an error', async () => {
      const { storage } = await open()
      const read = (count: number) =>
        (async () =>
          storage.read(
            { deadline: ample },
            async (session) => (await raw(session, words.firstNumbers, [count])).rows.length,
          ))()
      expect(await read(100_000)).toBe(100_000)
      expect(await codeOf(read(100_001))).toBe('result_too_large')
      const inWrite = (count: number) =>
        write(storage, async (session) => (await raw(session, words.firstNumbers, [count])).rows.length)
      expect(await inWrite(100_000)).toBe(100_000)
      expect(await codeOf(inWrite(100_001))).toBe('result_too_large')
      const byPlace = (count: number) => async (session: Session) =>
        session.rows(sql(words.firstNumbers, 'plan'), [count])
      expect(await storage.read({ deadline: ample }, byPlace(3))).toEqual([[1], [2], [3]])
      expect(await codeOf(write(storage, byPlace(100_001)))).toBe('result_too_large')
    })

    test('brings bytes, large numbers and errors over as they are', async () => {
      const { storage } = await open()
      const { rows: found } = await storage.read({ deadline: ample }, (session) => raw(session, words.everyKind))
      expect({ ...found[0] }).toEqual({
        bytes: new Uint8Array([0, 255]),
        large: 2n ** 63n - 1n,
        small: 5,
        empty: null,
        tenth: 0.1,
      })
      const wrong = (async () => storage.read({ deadline: ample }, (session) => raw(session, 'select missing', [])))()
      await expect(wrong).rejects.toMatchObject({ code: 'database_error', message: expect.stringContaining('missing') })
    })
  })
}
