import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { engine } from './engine.ts'
import { app, count, Done, kill, sleep } from './job-crash-app.ts'

let folder: string
let environment: NodeJS.ProcessEnv
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'monobloc-job-crash-'))
  environment = { NODE_ENV: 'test', MONOBLOC_DATA: folder, ...(await engine.settings()) }
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await app.stop()
  rmSync(folder, { recursive: true })
})

const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 40_000, interval: 20 })
const rows = (): Promise<any[]> => app.transaction((db: any) => db.find(Done, { sort: 'id' }))

/** This process only looks on and enqueues, until it is told to run jobs. */
const start = (jobs: 'on' | 'off') =>
  app.start({ listen: false, environment: { ...environment, MONOBLOC_JOBS: jobs }, folder })

async function startChild(own: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'job-crash-app.ts')], {
    env: { ...process.env, ...environment, MONOBLOC_JOBS: 'on', JOB_CHILD: '1', ...own },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await once(child.stdout!, 'data')
  return child
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function enqueue(job: typeof count, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 100) {
    await app.transaction(async (_db, { enqueue }) => {
      for (let at = n; at < Math.min(n + 100, to); at++) enqueue(job, { n: at })
    })
  }
}

test('a process that is killed in the midst of its jobs loses none, and none is done twice', async () => {
  await start('off')
  await enqueue(count, 0, 600)
  const child = await startChild({ JOB_KILLED_AT: '250' })
  await ended(child)
  expect(child.signalCode).toBe('SIGKILL')
  const left = await rows()
  expect(left.length).toBeLessThan(250)
  await app.stop()
  await start('on')
  await soon(async () => expect((await rows()).length).toBeGreaterThanOrEqual(600))
  const numbers = (await rows()).map(({ n }) => n).sort((x, y) => x - y)
  expect(numbers).toEqual(Array.from({ length: 600 }, (_, n) => n))
  // The turn that was under way, and no more, was lost with the process.
  expect((await rows()).filter(({ process: pid }) => pid === child.pid)).toHaveLength(left.length)
}, 60_000)

test('a process that was stopped for longer than its lease does nothing of what another has done since', async () => {
  await start('off')
  const child = await startChild()
  await enqueue(sleep, 0, 5)
  await soon(async () => {
    const [row] = await app.transaction(async (db: any) => [
      await db.sql.selectFrom('monobloc_job').select('state').where('state', '=', 'running').executeTakeFirst(),
    ])
    expect(row).toBeDefined()
  })
  await app.stop()
  await start('on')
  await soon(async () => expect(await rows()).toHaveLength(5))
  child.kill('SIGCONT')
  // It runs again: what is enqueued now is done by either, and it has given a sign of life.
  await soon(async () => {
    const workers = await app.transaction((db: any) => db.sql.selectFrom('monobloc_worker').selectAll().execute())
    expect(workers).toHaveLength(2)
  })
  await enqueue(count, 100, 200)
  await soon(async () => expect(await rows()).toHaveLength(105))
  const done = await rows()
  expect(
    done
      .filter(({ n }) => n < 100)
      .map(({ n }) => n)
      .sort(),
  ).toEqual([0, 1, 2, 3, 4])
  expect(done.filter(({ n }) => n < 100).every(({ process: pid }) => pid === process.pid)).toBe(true)
}, 60_000)

test('a job that kills each process that runs it is given up', async () => {
  await start('off')
  await enqueue(kill, 0, 1)
  const child = await startChild()
  await ended(child)
  expect(child.signalCode).toBe('SIGKILL')
  await app.stop()
  await start('on')
  await soon(async () => {
    const jobs: any = await app.transaction((db: any) => db.sql.selectFrom('monobloc_job').selectAll().execute())
    expect(jobs).toMatchObject([{ state: 'failed', attempt: 1 }])
    expect(JSON.parse(jobs[0].error)).toMatchObject({ code: 'worker_lost' })
  })
}, 60_000)
