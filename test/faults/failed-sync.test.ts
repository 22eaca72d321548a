// A sync that fails is the last thing that is asked of a connection: even by who lives on, the kernel having dropped what
// it could not write.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyNoStrace } from './tools.ts'
import { readTrace, type TraceEvent, traced } from './trace.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'failed-sync-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const noStrace = whyNoStrace()

let runs = 0

async function run(what: string, ...injected: string[]) {
  const name = String(++runs)
  const disk = path.join(folder, name)
  const file = path.join(folder, `${name}.trace`)
  mkdirSync(disk)
  const script = path.join(import.meta.dirname, 'failed-sync-storage.ts')
  const command = [...traced(file, injected), process.execPath, '--conditions=source', script, disk, what]
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  await once(child, 'close')
  const { events } = readTrace(file, folder)
  rmSync(file)
  return { said: output.trimEnd().split('\n'), events, disk }
}

/** What each does when nothing fails. */
const calmRuns = new Map<string, ReturnType<typeof run>>()

const writing = { calm: ['written', 'closed'], failing: ['fatal', 'refused', 'closed'] }
const saidOf = {
  'the move of the WAL': writing,
  'a large transaction that catches the error': writing,
  closing: { calm: ['closes', 'closed'], failing: ['closes', 'fatal', 'closed'] },
  'a migration': { calm: ['written'], failing: [expect.stringContaining('disk I/O error')] },
}

// Which of the syncs after the mark fails. The move syncs the WAL, and then the database.
type Pick = (files: string[]) => number
const first: Pick = () => 0
const ofMove: Pick = (files) => files.indexOf('app.db')
const beforeMove: Pick = (files) => files.indexOf('app.db') - 1

test.for<[keyof typeof saidOf, string, Pick]>([
  ['the move of the WAL', 'app.db-wal', beforeMove],
  ['the move of the WAL', 'app.db', ofMove],
  ['a large transaction that catches the error', 'app.db-wal', first],
  ['closing', 'app.db-wal', beforeMove],
  ['closing', 'app.db', ofMove],
  // Its commit, and then the move.
  ['a migration', 'other.db-wal', (files) => files.length - 3],
  ['a migration', 'other.db-wal', (files) => files.length - 2],
  ['a migration', 'other.db', (files) => files.length - 1],
])('%s, where the sync of %s fails', async ([what, of, pick], { skip }) => {
  skip(noStrace !== undefined, noStrace)
  if (!calmRuns.has(what)) calmRuns.set(what, run(what))
  const calm = await calmRuns.get(what)!
  expect(calm.said).toEqual(saidOf[what].calm)
  const syncsIn = (events: TraceEvent[]) => events.filter((event) => event.kind === 'sync')
  const mark = calm.events.findIndex((event) => event.kind === 'create' && path.basename(event.path) === 'mark')
  const after = syncsIn(calm.events.slice(mark)).map((sync) => path.basename(sync.path))
  const nth = syncsIn(calm.events.slice(0, mark)).length + pick(after) + 1
  const failing = await run(what, `fsync,fdatasync:error=EIO:when=${nth}`)
  const at = failing.events.findIndex((event) => event.kind === 'sync' && event.failed)
  expect(failing.events[at]).toMatchObject({ path: path.join(failing.disk, of) })
  const said = failing.said.filter((line) => line !== 'caught')
  expect(said).toEqual(saidOf[what].failing)
  const then = failing.events.slice(at + 1).map(({ kind }) => kind)
  expect(then).toEqual([])
})
