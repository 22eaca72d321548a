import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openConnection } from './sqlite-open.ts'
import { SqliteReaderPool } from './sqlite-reader-pool.ts'
import { ReaderProcess } from './sqlite-reader-process.ts'
import { StatementCounts } from './sqlite-statement-counts.ts'

const endless = 'with recursive c (n) as (select 1 union all select n + 1 from c) select max(n) from c'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean()
})

function newFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-reader-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'test.db')
  const connection = openConnection(file, { readOnly: false, cacheKib: 1024, fold: undefined })
  connection.db.exec('create table t (a)')
  connection.close()
  return file
}

test('a reader process that someone kills rejects what it was asked, and says that it is gone', async () => {
  const gone = Promise.withResolvers<ReaderProcess>()
  const reader = new ReaderProcess(newFile(), 1024, gone.resolve)
  reader.begin()
  expect(await reader.ask({ kind: 'cells', sql: 'select 7, 8', values: [] })).toEqual([7, 8])
  const asked = reader.ask({ kind: 'raw', sql: endless, values: [] })
  process.kill(reader.pid, 'SIGKILL')
  await expect(asked).rejects.toMatchObject({ code: 'database_error' })
  expect(await gone.promise).toBe(reader)
  await expect(reader.ask({ kind: 'cells', sql: 'select 7', values: [] })).rejects.toMatchObject({
    code: 'database_error',
  })
})

test('a read past its deadline leaves no process behind, and the next one has another', async () => {
  const pool = new SqliteReaderPool({
    file: newFile(),
    cacheKib: 1024,
    processes: 1,
    maxWaiting: 10,
    counts: new StatementCounts(),
  })
  cleanups.push(() => pool.close())
  const late = pool.read(performance.now() + 500, (session) => session.raw(endless, []))
  const [pid] = pool.pids as [number]
  const waiting = pool.read(performance.now() + 30_000, (session) => session.raw('select 1', []))
  await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' })
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await waiting).toMatchObject({ rows: [{ 1: 1 }] })
  expect(pool.pids).toHaveLength(1)
  const [next] = pool.pids as [number]
  pool.close()
  while (isRunning(next)) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('a reader process outlives neither its parent nor the statement that it runs', async () => {
  const program = `
    import { ReaderProcess } from ${JSON.stringify(new URL('./sqlite-reader-process.ts', import.meta.url).href)}
    const reader = new ReaderProcess(process.argv[1], 1024, () => {})
    reader.begin()
    await reader.ask({ kind: 'cells', sql: 'select 1', values: [] })
    reader.ask({ kind: 'raw', sql: ${JSON.stringify(endless)}, values: [] })
    console.log(reader.pid)
  `
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program, newFile()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(line)
  expect(isRunning(pid)).toBe(true)
  parent.kill('SIGKILL')
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 50))
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
