import { describe, expect, test } from 'vitest'
import {
  ample,
  bound,
  changes,
  codeOf,
  insertPerson,
  key,
  type OpenStorage,
  raw,
  sql,
  testUnlessExcused,
  until,
  wholeLog,
  write,
} from './storage-fixture.ts'

const insertPost = `insert into post (id, title, body, likes, price, total, ratio, shown, data, photo, day, at, author)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

export function exerciseLog(open: OpenStorage): void {
  describe('the log', () => {
    test('holds every type as JSON has it, before and after a change', async () => {
      const { storage } = await open()
      const of = (values: Record<string, unknown>) =>
        Object.entries(values).map(([column, value]) => bound(storage, 'post', column, value))
      const full = of({
        id: key(1), title: 'A "title" 🙂', body: null, likes: 3, price: '-0.05', total: -(2n ** 63n), ratio: 0.1,
        shown: true, data: { a: [1, null, 'x'] }, photo: new Uint8Array([0, 255]), day: '2026-11-22',
        at: new Date('2026-11-22T10:20:30.400Z'), author: null,
      }) // biome-ignore format: one row of values
      await write(storage, (session) => session.run(sql(insertPost), full))
      const changed = of({
        price: '9999999999999999.99', total: 2n ** 63n - 1n, ratio: 1e21, shown: false, photo: new Uint8Array(), title: 'B',
      }) // biome-ignore format: one row of values
      await write(storage, (session) => {
        const text =
          'update post set price = ?, total = ?, ratio = ?, shown = ?, data = null, photo = ?, at = null, title = ?'
        return session.run(sql(text), changed)
      })
      await write(storage, (session) => session.run(sql('delete from post'), []))
      const before = {
        id: key(1), title: 'A "title" 🙂', body: null, likes: 3, price: '-0.05', total: '-9223372036854775808', ratio: 0.1,
        shown: true, data: { a: [1, null, 'x'] }, photo: 'AP8=', day: '2026-11-22', at: '2026-11-22T10:20:30.400Z', author: null,
      } // biome-ignore format: one row
      const { title, price, total, ratio, shown, data, photo, at } = before
      const after = {
        ...before, title: 'B', price: '9999999999999999.99', total: '9223372036854775807', ratio: 1e21, shown: false,
        data: null, photo: '', at: null,
      } // biome-ignore format: one row
      const entry = { table: 'post', key: { id: key(1) }, omitted: [] }
      expect(await changes(storage)).toEqual([
        { ...entry, operation: 'insert', row: before, previous: {} },
        { ...entry, operation: 'update', row: after, previous: { title, price, total, ratio, shown, data, photo, at } },
        { ...entry, operation: 'delete', row: after, previous: {} },
      ])
    })

    test('holds events in their place among the rows, and nothing of one that was undone', async () => {
      const { storage } = await open()
      const data = { text: 'A "title" 🙂 \0', list: [1, null, { deep: 0.1 }] }
      const about = { name: 'order.placed', version: 3 }
      await write(storage, async (session) => {
        await session.event!({ id: key(7), ...about, data })
        await insertPerson(session, 1)
        await session.event!({ id: key(8), ...about, data: null })
      })
      const undone = write(storage, async (session) => {
        await session.event!({ id: key(9), ...about, data })
        throw new Error('undone')
      })
      await expect(undone).rejects.toThrow('undone')
      const entry = { table: 'monobloc_event', operation: 'insert', previous: {}, omitted: [] }
      const [transaction, ...more] = await wholeLog(storage)
      expect(more).toEqual([])
      expect(transaction!.entries).toMatchObject([
        { ...entry, key: { id: key(7) }, row: { id: key(7), ...about, data } },
        { table: 'person' },
        { ...entry, key: { id: key(8) }, row: { id: key(8), ...about, data: null } },
      ])
    })

    test('says who, why and when, of one transaction each', async () => {
      let now = Date.parse('2026-11-22T10:00:00Z')
      const { storage } = await open({ clock: { now: () => now } })
      const about = { actor: 'ann', cause: 'request 1', trace: '4bf92f3577b34da6a3ce929d0e0e4736' }
      await storage.write({ deadline: ample, ...about }, async (session) => {
        await insertPerson(session, 1)
        await insertPerson(session, 2)
      })
      now += 1_500
      await write(storage, (session) => insertPerson(session, 3))
      const log = await wholeLog(storage)
      expect(log).toMatchObject([
        { ...about, position: 1, at: new Date('2026-11-22T10:00:00.000Z'), outside: false },
        {
          actor: null,
          cause: null,
          trace: null,
          position: 2,
          at: new Date('2026-11-22T10:00:01.500Z'),
          outside: false,
        },
      ])
      expect(log.map(({ entries }) => entries.length)).toEqual([2, 1])
    })

    test('has typed writes, raw SQL, links and what a delete takes along', async () => {
      const { storage } = await open()
      await write(storage, async (session) => {
        await insertPerson(session, 1)
        await raw(session, `insert into label (name) values ('a')`, [])
        await raw(session, `insert into post (id, title, author) values (?, 'p', ?)`, [key(2), key(1)])
        await raw(session, 'insert into post_labels values (?, 1)', [key(2)])
      })
      await write(storage, (session) => session.run(sql('delete from person where id = ?'), [key(1)]))
      const log = await wholeLog(storage)
      const said = log.map(({ entries }) => entries.map(({ table, operation }) => `${operation} ${table}`))
      expect(said[0]).toEqual(['insert person', 'insert label', 'insert post', 'insert post_labels'])
      expect(said[1]!.sort()).toEqual(['delete person', 'delete post', 'delete post_labels'])
      expect(log[1]!.entries.find(({ table }) => table === 'post_labels')).toMatchObject({
        key: { post: key(2), label: 1 },
      })
    })

    testUnlessExcused('has the row that REPLACE took away', async () => {
      const { storage } = await open()
      await write(storage, (session) => insertPerson(session, 1, 'ann'))
      await write(storage, (session) => raw(session, 'replace into person (id, name) values (?, ?)', [key(2), 'ann']))
      const [, { entries }] = (await wholeLog(storage)) as [unknown, { entries: { operation: string; key: object }[] }]
      expect(entries.map(({ operation, key: { ...at } }) => ({ operation, ...at }))).toEqual([
        { operation: 'delete', id: key(1) },
        { operation: 'insert', id: key(2) },
      ])
    })

    test('leaves out secrets and what is too large, and says so', async () => {
      const { storage } = await open()
      const most = 65_536
      await write(storage, (session) =>
        session.run(sql('insert into person (id, name, password) values (?, ?, ?)'), [key(1), 'ann', 'pw']),
      )
      await write(storage, (session) => session.run(sql('update person set password = ?'), ['other']))
      const fits = 'é'.repeat(most)
      const large = `${fits}é`
      await write(storage, (session) =>
        session.run(sql('insert into post (id, title, body) values (?, ?, ?)'), [key(2), 't', fits]),
      )
      await write(storage, (session) => session.run(sql('update post set body = ?, title = ?'), [large, 'u']))
      await write(storage, (session) =>
        session.run(sql('update post set body = ?, photo = ?'), [fits, new Uint8Array(most + 1)]),
      )
      const [inserted, updated, post, grown, shrunk] = (await changes(storage)) as Record<
        string,
        Record<string, unknown>
      >[]
      expect(inserted).toMatchObject({ row: { id: key(1), name: 'ann' }, omitted: ['password'] })
      expect(inserted!.row).not.toHaveProperty('password')
      expect(updated).toMatchObject({ previous: {}, omitted: ['password'] })
      expect(post).toMatchObject({ row: { body: fits }, omitted: [] })
      expect(grown).toMatchObject({ row: { title: 'u' }, previous: { title: 't' }, omitted: ['body'] })
      expect(grown!.row).not.toHaveProperty('body')
      expect(shrunk).toMatchObject({ previous: {}, omitted: ['body', 'photo'] })
    })

    test('is empty of what was undone', async () => {
      const { storage } = await open({ writers: 1 })
      const asked = [1, 2, 3, 4].map((n) =>
        codeOf(
          write(storage, async (session) => {
            await insertPerson(session, n)
            if (n % 2) throw Object.assign(new Error(), { code: 'undone' })
          }),
        ),
      )
      expect(await Promise.all(asked)).toEqual(['undone', 'no error', 'undone', 'no error'])
      expect(((await changes(storage)) as { key: unknown }[]).map((entry) => entry.key)).toEqual([
        { id: key(2) },
        { id: key(4) },
      ])
      expect(await storage.position()).toBe(2)
    })

    test('goes on where it was after the database was closed', async () => {
      const { storage, reopen } = await open()
      await write(storage, (session) => insertPerson(session, 1))
      const again = await reopen()
      expect(await again.position()).toBe(1)
      await write(again, (session) => insertPerson(session, 2))
      expect((await wholeLog(again)).map(({ position }) => position)).toEqual([1, 2])
    })

    test('is read in pages of whole transactions', async () => {
      const { storage } = await open()
      expect(await storage.tail(0, 10)).toEqual([])
      for (let n = 1; n <= 3; n++) await write(storage, (session) => insertPerson(session, n))
      expect((await storage.tail(0, 2)).map(({ position }) => position)).toEqual([1, 2])
      expect((await storage.tail(2, 2)).map(({ position }) => position)).toEqual([3])
      expect(await storage.tail(3, 2)).toEqual([])
      expect(await storage.tail(99, 2)).toEqual([])
    })
  })

  describe('what another program writes', () => {
    test('is logged as outside, in its place', async () => {
      const { storage, outside } = await open()
      await write(storage, (session) => insertPerson(session, 1))
      await outside(
        `insert into person (id, name) values ('${key(2)}', 'stranger'); update person set name = 'known' where id = '${key(2)}'`,
      )
      await write(storage, (session) => insertPerson(session, 3))
      await outside(`delete from person where id = '${key(1)}'`)
      expect(await storage.position()).toBe(4)
      const log = await wholeLog(storage)
      expect(
        log.map(({ outside: out, actor, entries }) => [out, actor, ...entries.map(({ operation }) => operation)]),
      ).toEqual([
        [false, null, 'insert'],
        [true, null, 'insert', 'update'],
        [false, null, 'insert'],
        [true, null, 'delete'],
      ])
      expect(log[1]!.entries[1]).toMatchObject({ row: { name: 'known' }, previous: { name: 'stranger' } })
    })

    test('is taken up by whoever asks first, once', async () => {
      const { storage, outside } = await open()
      await outside(`insert into person (id, name) values ('${key(1)}', 'stranger')`)
      const answers = await Promise.all([
        storage.tail(0, 10),
        storage.tail(0, 10),
        storage.position(),
        storage.position(),
      ])
      expect(answers[0]).toEqual(answers[1])
      expect(answers.slice(2)).toEqual([1, 1])
      expect(await wholeLog(storage)).toHaveLength(1)
    })
  })

  describe('hints that the log has grown', () => {
    test('come after what is committed here, and elsewhere, until they are stopped', async () => {
      const { storage, outside } = await open()
      let seen = 0
      let hints = 0
      // Only a hint that comes after a commit can bring its position.
      const stop = storage.onAppend(async () => {
        hints++
        seen = Math.max(seen, await storage.position().catch(() => 0))
      })
      await write(storage, (session) => insertPerson(session, 1))
      await until(() => seen === 1)
      await outside(`insert into person (id, name) values ('${key(2)}', 'stranger')`)
      await until(() => seen === 2)
      stop()
      stop()
      const before = hints
      let heard = 0
      const { promise, resolve } = Promise.withResolvers<void>()
      storage.onAppend(() => {
        heard++
        resolve()
      })
      await write(storage, (session) => insertPerson(session, 3))
      await promise
      expect([hints - before, heard > 0]).toEqual([0, true])
    })
  })

  describe('pruning', () => {
    test('keeps the newest entries up to a number', async () => {
      const { storage } = await open()
      for (let n = 1; n <= 5; n++) await write(storage, (session) => insertPerson(session, n))
      expect(await storage.prune({ maxAge: 1e9, maxEntries: 5 })).toBe(0)
      expect(await storage.prune({ maxAge: 1e9, maxEntries: 4 })).toBe(1)
      expect(await codeOf(storage.tail(0, 10))).toBe('position_pruned')
      expect((await storage.tail(1, 10)).map(({ position }) => position)).toEqual([2, 3, 4, 5])
    })

    test('removes what is older than an age, but never the newest transaction', async () => {
      let now = 1_000_000
      const { storage } = await open({ clock: { now: () => now } })
      for (let n = 1; n <= 3; n++) {
        await write(storage, (session) => insertPerson(session, n))
        now += 1_000
      }
      // The second was written exactly 2,000 ms ago.
      expect(await storage.prune({ maxAge: 2_000, maxEntries: 1e9 })).toBe(1)
      expect((await storage.tail(1, 10)).map(({ position }) => position)).toEqual([2, 3])
      now += 1_000_000
      expect(await storage.prune({ maxAge: 0, maxEntries: 0 })).toBe(1)
      expect((await storage.tail(2, 10)).map(({ position }) => position)).toEqual([3])
      await write(storage, (session) => insertPerson(session, 4))
      expect(await storage.position()).toBe(4)
    })

    test('stops before a transaction that someone still needs', async () => {
      const { storage } = await open()
      for (let n = 1; n <= 5; n++) await write(storage, (session) => insertPerson(session, n))
      expect(await storage.prune({ maxAge: 0, maxEntries: 0, keepAfter: 2 })).toBe(2)
      expect((await storage.tail(2, 10)).map(({ position }) => position)).toEqual([3, 4, 5])
    })

    test('leaves nothing untold to who watches changes', async () => {
      const { storage, outside } = await open()
      const told: unknown[] = []
      const watch = storage.watchChanges({
        wants: () => true,
        changed: (changes) => told.push(changes === 'all' ? changes : changes.length),
      })
      const insert = (n: number) => outside(`insert into person (id, name) values ('${key(n)}', 'person ${n}')`)
      await watch.catchUp()
      for (let n = 1; n <= 2; n++) {
        await insert(n)
        await storage.position()
        await watch.catchUp()
      }
      for (let n = 3; n <= 5; n++) await insert(n)
      await storage.prune({ maxAge: 1e9, maxEntries: 1 })
      await watch.catchUp()
      watch.close()
      expect(told.slice(0, 3)).toEqual(['all', 1, 1])
      expect([['all'], [3]]).toContainEqual(told.slice(3))
    })

    test('takes large logs in steps, beside writers', async () => {
      const { storage } = await open()
      for (let n = 0; n < 12; n++) {
        await write(storage, async (session) => {
          for (let at = 0; at < 1_000; at++) await insertPerson(session, n * 1_000 + at)
        })
      }
      const pruning = storage.prune({ maxAge: 1e9, maxEntries: 1_500 })
      await write(storage, (session) => insertPerson(session, 99_999))
      expect(await pruning).toBe(11_000)
      expect((await storage.tail(11, 10)).map(({ position }) => position)).toEqual([12, 13])
    })
  })
}
