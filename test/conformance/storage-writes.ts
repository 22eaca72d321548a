import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/storage/index.ts'
import {
  ample,
  codeOf,
  gate,
  insertPerson,
  key,
  names,
  type OpenStorage,
  raw,
  rows,
  sql,
  testUnlessExcused,
  until,
  wholeLog,
  write,
} from './storage-fixture.ts'

export function exerciseWrites(open: OpenStorage): void {
  describe('a write', () => {
    test('gives what its work gives, once it is committed', async () => {
      const { storage } = await open()
      expect(await write(storage, (session) => insertPerson(session, 1))).toBe(1)
      expect(
        await write(storage, async (session) => {
          await insertPerson(session, 2)
          return session.all(sql('select count(*) as n from person'), [])
        }),
      ).toMatchObject([{ n: 2 }])
      expect(await names(storage)).toEqual(['person 1', 'person 2'])
    })

    test('leaves nothing behind when its work throws, at once or later', async () => {
      const { storage } = await open()
      const at = write(storage, (session) => {
        insertPerson(session, 1)
        throw new Error('no')
      })
      await expect(at).rejects.toThrow('no')
      const later = write(storage, async (session) => {
        await insertPerson(session, 2)
        throw new Error('neither')
      })
      await expect(later).rejects.toThrow('neither')
      expect(await names(storage)).toEqual([])
      expect(await storage.position()).toBe(0)
    })

    test('says that it is on disk, but not of what it has undone', async () => {
      const { storage } = await open()
      const said: string[] = []
      await write(storage, async (session) => {
        await insertPerson(session, 1)
        session.onCommit!(() => said.push('kept'))
        const undone = session.savepoint(async () => {
          await insertPerson(session, 2)
          session.onCommit!(() => said.push('undone'))
          throw new Error('no')
        })
        await expect(undone).rejects.toThrow('no')
        expect(said).toEqual([])
      })
      expect(said).toEqual(['kept'])
    })

    test('goes on after a statement that failed, when the work wants it', async () => {
      const { storage } = await open()
      await write(storage, async (session) => {
        await insertPerson(session, 1, 'ann')
        await expect((async () => insertPerson(session, 2, 'ann'))()).rejects.toMatchObject({
          code: 'unique_violation',
        })
        await insertPerson(session, 3, 'bob')
      })
      expect(await names(storage)).toEqual(['ann', 'bob'])
    })

    testUnlessExcused('is told its position in the log, unless it changed nothing', async () => {
      const { storage } = await open()
      const seen: Session[] = []
      await write(storage, (session) => {
        seen.push(session)
        return insertPerson(session, 1)
      })
      await write(storage, (session) => void seen.push(session))
      await write(storage, (session) => {
        seen.push(session)
        return insertPerson(session, 2)
      })
      expect(seen.map((session) => session.position)).toEqual([1, undefined, 2])
    })

    test('whose deadline passes while it runs is undone', async () => {
      const { storage } = await open()
      const deadline = 300
      const works: ((session: Session, late: () => void) => unknown)[] = [
        (session, late) => {
          late()
          return insertPerson(session, 2)
        },
        (_, late) => late(),
      ]
      for (const work of works) {
        const until = performance.now() + deadline + 10
        const written = storage.write({ deadline }, (session) => {
          insertPerson(session, 1)
          return work(session, () => {
            while (performance.now() < until);
          })
        })
        expect(await codeOf(written)).toBe('deadline_exceeded')
      }
      expect(await names(storage)).toEqual([])
    })
  })

  describe('writes at the same time', () => {
    test('fail alone', async () => {
      const { storage } = await open()
      const all = await Promise.allSettled(
        [1, 2, 3, 4, 5].map((n) =>
          write(storage, (session) => insertPerson(session, n, n % 2 ? `person ${n}` : 'same')),
        ),
      )
      // Of the two that want one name, whichever came first to the database has it.
      const failed = all.flatMap(({ status }, at) => (status === 'rejected' ? [at + 1] : []))
      expect([[2], [4]]).toContainEqual(failed)
      expect((await names(storage)).sort()).toEqual(['person 1', 'person 3', 'person 5', 'same'])
    })

    test('run one after another in the order in which they came, and are logged so', async () => {
      const { storage } = await open({ writers: 1 })
      // More than one group holds.
      const count = 300
      const seen = await Promise.all(
        Array.from({ length: count }, (_, n) =>
          write(storage, async (session) => {
            const before = await session.value(sql('select count(*) from person'), [])
            await insertPerson(session, n)
            return before
          }),
        ),
      )
      expect(seen).toEqual(Array.from({ length: count }, (_, n) => n))
      const log = await wholeLog(storage)
      expect(log.map(({ entries }) => entries[0]!.key.id)).toEqual(Array.from({ length: count }, (_, n) => key(n)))
    })

    test('answer, rejections too, only when what they saw is on disk', async () => {
      const { storage } = await open({ writers: 1 })
      let seen: unknown
      const first = write(storage, (session) => insertPerson(session, 1))
      const second = write(storage, async (session) => {
        throw Object.assign(new Error('saw it'), { saw: await session.value(sql('select count(*) from person'), []) })
      }).catch(async (error) => {
        seen = [error.saw, await names(storage)]
      })
      await Promise.all([first, second])
      expect(seen).toEqual([1, ['person 1']])
    })

    test('wait up to a number, and one more is refused', async () => {
      const { storage } = await open({ maxWaitingWrites: 3, writers: 1 })
      const asked = [1, 2, 3, 4].map((n) => codeOf(write(storage, (session) => insertPerson(session, n))))
      expect(await Promise.all(asked)).toEqual(['no error', 'no error', 'no error', 'overloaded'])
      expect(await codeOf(write(storage, (session) => insertPerson(session, 5)))).toBe('no error')
      expect(await names(storage)).toEqual(['person 1', 'person 2', 'person 3', 'person 5'])
    })
  })

  describe('work that awaits something foreign', () => {
    test('is refused, leaves nothing, and does not spoil the others', async () => {
      const { storage } = await open()
      const timer = (session: Session) => async () => {
        await insertPerson(session, 2)
        await new Promise((resolve) => setTimeout(resolve, 1))
        await insertPerson(session, 3)
      }
      const immediate = (session: Session) => async () => {
        await insertPerson(session, 4)
        await new Promise((resolve) => setImmediate(resolve))
      }
      const all = await Promise.all([
        codeOf(write(storage, (session) => insertPerson(session, 1))),
        codeOf(write(storage, (session) => timer(session)())),
        codeOf(write(storage, (session) => insertPerson(session, 5))),
        codeOf(write(storage, (session) => immediate(session)())),
        codeOf(write(storage, async (session) => insertPerson(session, 6))),
      ])
      expect(all).toEqual(['no error', 'foreign_await', 'no error', 'foreign_await', 'no error'])
      expect(await names(storage)).toEqual(['person 1', 'person 5', 'person 6'])
    })

    test('is refused inside a savepoint too, and what is left of it can do nothing', async () => {
      const { storage } = await open()
      const { opened, open: letGo } = gate()
      let after: Promise<string> | undefined
      const refused = write(storage, (session) =>
        session.savepoint(async () => {
          await insertPerson(session, 1)
          await opened
          after = codeOf((async () => insertPerson(session, 2))())
        }),
      )
      expect(await codeOf(refused)).toBe('foreign_await')
      const next = write(storage, async (session) => {
        letGo()
        await insertPerson(session, 3)
      })
      await next
      await until(() => after !== undefined)
      expect(await after).toBe('transaction_ended')
      expect(await names(storage)).toEqual(['person 3'])
    })

    test('may await what is settled already', async () => {
      const { storage } = await open()
      await write(storage, async (session) => {
        await Promise.resolve()
        await new Promise<void>((resolve) => process.nextTick(resolve))
        for (let n = 0; n < 100; n++) await insertPerson(session, n)
      })
      expect(await names(storage)).toHaveLength(100)
    })
  })

  describe('a handle', () => {
    test('throws once its work has ended', async () => {
      const { storage } = await open()
      let kept: Session | undefined
      await write(storage, (session) => {
        kept = session
        return insertPerson(session, 1)
      })
      const calls = [
        () => insertPerson(kept!, 2),
        () => kept!.all(sql('select 1'), []),
        () => kept!.first(sql('select 1'), []),
        () => kept!.value(sql('select 1'), []),
        () => raw(kept!, 'select 1', []),
        () => kept!.savepoint(() => 1),
      ]
      for (const call of calls) expect(await codeOf((async () => call())())).toBe('transaction_ended')
      expect(await names(storage)).toEqual(['person 1'])
    })
  })

  describe('a savepoint', () => {
    test('is undone alone', async () => {
      const { storage } = await open()
      const kept = await write(storage, async (session) => {
        await insertPerson(session, 1)
        const undone = session.savepoint(async () => {
          await insertPerson(session, 2)
          await session.savepoint(() => insertPerson(session, 3))
          throw new Error('undo')
        })
        await expect(undone).rejects.toThrow('undo')
        return session.savepoint(async () => {
          await insertPerson(session, 4)
          await session
            .savepoint(async () => {
              await insertPerson(session, 5)
              throw new Error('undo this')
            })
            .catch(() => {})
          return 'kept'
        })
      })
      expect(kept).toBe('kept')
      expect(await names(storage)).toEqual(['person 1', 'person 4'])
      const [transaction, ...rest] = await wholeLog(storage)
      expect(rest).toEqual([])
      expect(transaction!.entries.map((entry) => entry.key.id)).toEqual([key(1), key(4)])
    })

    test('beside another spoils the transaction', async () => {
      const { storage } = await open()
      const both = write(storage, async (session) => {
        await Promise.all([
          session.savepoint(async () => {
            await insertPerson(session, 1)
            await null
          }),
          session.savepoint(async () => {
            for (let n = 2; n < 9; n++) await insertPerson(session, n)
          }),
        ])
      })
      expect(await codeOf(both)).toBe('transaction_busy')
      expect(await names(storage)).toEqual([])
    })

    test('that the work did not wait for spoils the transaction', async () => {
      const { storage } = await open()
      const abandoned = write(storage, (session) => {
        session.savepoint(async () => insertPerson(session, 1)).catch(() => {})
      })
      expect(await codeOf(abandoned)).toBe('transaction_busy')
      expect(await rows(storage, 'select id from person')).toEqual([])
    })
  })

  test('what could not begin or end in time is refused', async () => {
    const { storage } = await open()
    expect(['database_busy', 'deadline_exceeded']).toContain(
      await codeOf(storage.write({ deadline: 0 }, (session) => insertPerson(session, 1))),
    )
    await storage.write({ deadline: ample }, (session) => insertPerson(session, 2))
    expect(await names(storage)).toEqual(['person 2'])
  })
}
