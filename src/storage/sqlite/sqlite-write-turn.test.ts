import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import type { Session } from '../storage.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { openConnection } from './sqlite-open.ts'
import { settingsOf } from './sqlite-options.ts'
import { prepareOwnTables } from './sqlite-own-tables.ts'
import type { WriterOptions } from './sqlite-write-queue.ts'
import { SqliteWriter } from './sqlite-write-turn.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean()
})

function open(options: Partial<WriterOptions> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-turn-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'test.db')
  const connection = openConnection(file, { readOnly: false, cacheKib: 1024, fold: undefined })
  cleanups.push(() => connection.close())
  prepareOwnTables(connection.db)
  connection.db.exec('create table t (id integer primary key, body text) strict')
  const settings = {
    ...settingsOf({ file }),
    onCommit: () => {},
    onFatal: (error: unknown) => expect.fail(String(error)),
  }
  const writer = new SqliteWriter(connection, { ...settings, ...options })
  return { file, connection, writer }
}

const insert = { sql: 'insert into t (id, body) values (?, ?)', reach: 'bounded' } as const

function add(session: Session, id: number, body = '') {
  return session.run(insert, [id, body])
}

function ids({ db }: SqliteConnection): unknown[] {
  return db.prepare('select id from t order by id').all().map((row) => row.id) // biome-ignore format: one chain
}

async function outcomes(members: Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(members)
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason.code ?? one.reason.message)))
}

const ample = { deadline: 30_000 }

describe('someone outside holds the lock', () => {
  test('longer than a write may wait: it answers at its deadline, and what came later goes on', async () => {
    const { file, connection, writer } = open()
    const holder = new DatabaseSync(file)
    cleanups.push(() => holder.close())
    holder.exec('begin immediate')
    const refused = writer.write({ deadline: 30 }, (session) => add(session, 1))
    const patient = writer.write(ample, (session) => add(session, 2))
    await expect(refused).rejects.toMatchObject({ code: 'database_busy', status: 503, headers: { 'Retry-After': '1' } })
    holder.exec('commit')
    expect(await patient).toBe(1)
    expect(ids(connection)).toEqual([2])
  })

  test('and the storage closes meanwhile', async () => {
    const { file, writer } = open()
    const holder = new DatabaseSync(file)
    cleanups.push(() => holder.close())
    holder.exec('begin immediate')
    const waiting = outcomes([writer.write(ample, (session) => add(session, 1))])
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([writer.close(), writer.close()])
    expect(await waiting).toEqual(['shutting_down'])
  })
})

describe('somebody passes turns around', () => {
  function passed() {
    const said: string[] = []
    let granted: (() => void) | undefined
    const turns = {
      isThere: false,
      take(then: () => void) {
        said.push('take')
        granted = then
        return this.isThere
      },
      give: (refused: boolean) => void said.push(refused ? 'give, refused' : 'give'),
    }
    return { said, turns, grant: () => granted!() }
  }

  test('a write waits for the turn, and gives it back when it is on disk', async () => {
    const { said, turns, grant } = passed()
    const { connection, writer } = open({ turns })
    const written = writer.write(ample, (session) => add(session, 1))
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(ids(connection)).toEqual([])
    turns.isThere = true
    grant()
    expect(await written).toBe(1)
    expect(said).toEqual(['take', 'take', 'give'])
  })

  test('one whose turn does not come is answered at its deadline, and a turn that comes then is given back', async () => {
    const { said, turns, grant } = passed()
    const { writer } = open({ turns })
    await expect(writer.write({ deadline: 20 }, (session) => add(session, 1))).rejects.toMatchObject({
      code: 'database_busy',
      headers: { 'Retry-After': '1' },
    })
    grant()
    expect(said).toEqual(['take', 'give'])
    await Promise.all([writer.close(), writer.close()])
  })

  test('one with the turn who finds the file locked gives it back and asks again', async () => {
    const { said, turns } = passed()
    turns.isThere = true
    const { file, writer } = open({ turns })
    const holder = new DatabaseSync(file)
    cleanups.push(() => holder.close())
    holder.exec('begin immediate')
    const written = writer.write(ample, (session) => add(session, 1))
    while (said.length < 3) await new Promise((resolve) => setImmediate(resolve))
    holder.exec('commit')
    expect(await written).toBe(1)
    expect(said.slice(0, 3)).toEqual(['take', 'give, refused', 'take'])
    expect(said.at(-1)).toBe('give')
  })
})

describe('the disk is full', () => {
  // Room for some pages more than there are.
  function shrink({ db }: SqliteConnection, pages: number) {
    const { page_count } = db.prepare('pragma page_count').get() as { page_count: number }
    db.exec(`pragma max_page_count = ${page_count + pages}`)
  }
  const large = 'x'.repeat(100_000)

  test.each([
    ['SQLite undoes the whole transaction', '', 2],
    [
      'SQLite undoes the statement',
      'create trigger undo after insert on t begin update t set body = body where id = new.id; end',
      1,
    ],
  ])('for one member: the others commit (%s)', async (_, schema, expectedRuns) => {
    const { connection, writer } = open()
    connection.db.exec(schema)
    shrink(connection, 4)
    let runs = 0
    const result = await outcomes([
      writer.write(ample, (session) => {
        runs++
        return add(session, 1)
      }),
      writer.write(ample, async (session) => add(session, 2, large)),
      writer.write(ample, (session) => add(session, 3)),
    ])
    expect(result).toEqual([1, 'database_full', 1])
    expect(runs).toBe(expectedRuns)
    expect(ids(connection)).toEqual([1, 3])
  })

  test('for one that hides it: it fails all the same', async () => {
    const { connection, writer } = open()
    shrink(connection, 4)
    const result = await outcomes([
      writer.write(ample, (session) => add(session, 1)),
      writer.write(ample, (session) => {
        try {
          add(session, 2, large)
        } catch {}
        return 'fine'
      }),
    ])
    expect(result).toEqual([1, 'database_full'])
    expect(ids(connection)).toEqual([1])
  })

  test('for everyone: nothing is lost, and writes go on when there is room', async () => {
    const { connection, writer } = open()
    await writer.write(ample, (session) => add(session, 1))
    shrink(connection, 0)
    const full = await outcomes([2, 3].map((id) => writer.write(ample, (session) => add(session, id, large))))
    expect(full).toEqual(['database_full', 'database_full'])
    connection.db.exec('pragma max_page_count = 100000')
    expect(await writer.write(ample, (session) => add(session, 4, large))).toBe(1)
    expect(ids(connection)).toEqual([1, 4])
  })
})

describe('a member ends the transaction around all', () => {
  test('by a trigger that rolls back: it fails, and the others run again', async () => {
    const { connection, writer } = open()
    connection.db.exec("create trigger bad after insert on t when new.id = 3 begin select raise(rollback, 'bad'); end")
    const runs = new Map<number, number>()
    const result = await outcomes(
      [1, 2, 3, 4, 5].map((id) =>
        writer.write(ample, async (session) => {
          runs.set(id, (runs.get(id) ?? 0) + 1)
          add(session, id)
          return id
        }),
      ),
    )
    expect(result).toEqual([1, 2, 'database_error', 4, 5])
    expect(Object.fromEntries(runs)).toEqual({ 1: 2, 2: 2, 3: 1, 4: 1, 5: 1 })
    expect(ids(connection)).toEqual([1, 2, 4, 5])
  })

  test('by a deferred constraint, seen at COMMIT only: each runs again alone', async () => {
    const { connection, writer } = open()
    connection.db.exec('create table child (t references t (id) deferrable initially deferred)')
    const orphan = { sql: 'insert into child values (99)', reach: 'bounded' } as const
    const result = await outcomes([
      writer.write(ample, (session) => add(session, 1)),
      writer.write(ample, (session) => session.run(orphan, [])),
      writer.write(ample, (session) => add(session, 2)),
      writer.write(ample, () => {
        throw new Error('mine')
      }),
    ])
    expect(result).toEqual([1, 'reference_not_found', 1, 'mine'])
    expect(ids(connection)).toEqual([1, 2])
    expect(connection.db.prepare('select count(*) as n from child').get()!.n).toBe(0)
  })
})

describe('COMMIT meets an I/O error', () => {
  // An fsync that really fails is a test of its own, by a tracer: here it is what the writer does about it.
  function failing(connection: SqliteConnection, errcode: number): { commits: number } {
    const seen = { commits: 0 }
    const exec = connection.db.exec.bind(connection.db)
    connection.db.exec = (sql) => {
      if (sql !== 'commit') return exec(sql)
      seen.commits++
      throw Object.assign(new Error('disk I/O error'), { errcode })
    }
    return seen
  }

  test('nobody is answered, COMMIT is not tried again, and the process is told to end', async () => {
    const fatal: unknown[] = []
    const { connection, writer } = open({ onFatal: (error) => fatal.push(error) })
    const seen = failing(connection, 1034)
    let answered = false
    for (const id of [1, 2]) {
      const told = () => {
        answered = true
      }
      writer.write(ample, (session) => add(session, id)).then(told, told)
    }
    while (fatal.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(fatal).toMatchObject([{ code: 'database_error' }])
    expect(await outcomes([writer.write(ample, () => 1)])).toEqual(['database_error'])
    await writer.close()
    expect([answered, seen.commits]).toEqual([false, 1])
  })
})

describe('a turn', () => {
  test('takes 128 members, and what waits beyond that goes into the next', async () => {
    for (const [count, turns] of [
      [128, 1],
      [129, 2],
    ] as const) {
      // biome-ignore format: a table
      let commits = 0
      const { writer } = open({ onCommit: () => commits++ })
      await Promise.all(Array.from({ length: count }, (_, id) => writer.write(ample, (session) => add(session, id))))
      expect(commits).toBe(turns)
    }
  })

  test('ends after its time, and what waits goes into the next', async () => {
    let commits = 0
    const { writer } = open({ maxMillis: 1, onCommit: () => commits++ })
    const slow = (id: number) =>
      writer.write(ample, (session) => {
        for (const end = performance.now() + 2; performance.now() < end; );
        return add(session, id)
      })
    await Promise.all([slow(1), slow(2), slow(3)])
    expect(commits).toBe(3)
  })

  test('that is for one alone is shared with nobody', async () => {
    let commits = 0
    const { writer } = open({ onCommit: () => commits++ })
    await Promise.all([
      writer.write(ample, (session) => add(session, 1)),
      writer.write(ample, (session) => add(session, 2), true),
      writer.write(ample, (session) => add(session, 3)),
      writer.write(ample, (session) => add(session, 4)),
    ])
    expect(commits).toBe(3)
  })
})
