import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { backend, define, model, type SystemDb, t } from 'monobloc'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { withAppEffects } from '../../src/runtime/index.ts'
import { engine } from './engine.ts'

const Note = model('note', { id: t.serial(), text: t.text(), at: t.text() })
const models = { Note }
const { job, schedule, policy } = define({ models })
policy(Note, { anyone: { read: true } })

const mail = job('mail', {
  input: z.object({ to: z.string(), day: z.string() }),
  handle: ({ db, input }) => db.insert(Note, { text: `mail to ${input.to}`, at: input.day }),
})
const tidy = schedule('tidy', {
  cron: '0 3 * * *',
  run: ({ db, tick }) => db.insert(Note, { text: `${tick.schedule} ${tick.manual}`, at: tick.at.toISOString() }),
})
const digest = schedule('digest', {
  cron: '0 7 * * *',
  timezone: 'Europe/Paris',
  run: mail,
  input: (tick) => ({ to: 'ann', day: tick.at.toISOString().slice(0, 10) }),
})
// What a schedule lets run is served with it.
const app = backend({ name: 'scheduled', serve: [tidy, digest] })

let folder: string
let environment: NodeJS.ProcessEnv
let clock: number

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'monobloc-scheduled-'))
  environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent', ...(await engine.settings()) }
  clock = Date.parse('2026-03-01T00:00:00Z')
})
afterEach(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

const start = () => app.start({ port: 0, folder, environment, now: () => clock })
const notes = () =>
  app.transaction(async (db: SystemDb<typeof models, never>) =>
    (await db.find(Note, { sort: 'id' })).map(({ text, at }) => `${text} ${at}`),
  )

test('a schedule runs its function or its job, in the trace of its tick', async () => {
  await start()
  clock = Date.parse('2026-03-01T03:00:00Z')
  await expect.poll(notes, { timeout: 45_000 }).toEqual(['tidy false 2026-03-01T03:00:00.000Z'])
  clock = Date.parse('2026-03-01T06:00:00Z')
  await expect.poll(notes, { timeout: 45_000 }).toContain('mail to ann 2026-03-01')
  const [tick] = await app.schedules.history('tidy')
  expect(tick).toMatchObject({ outcome: 'run', job: expect.any(String) })
  await app.stop()
  const log = await withAppEffects(app, { folder, environment }, ({ storage }) => storage.tail(0, 100))
  expect(log.map(({ cause, trace }) => ({ cause, trace }))).toContainEqual({
    cause: `job:${tick!.job}`,
    trace: tick!.trace,
  })
})

test('commands work on the database while the app runs, and while it does not', async () => {
  await expect(withAppEffects(app, { folder, environment }, async () => {})).rejects.toMatchObject({
    code: 'configuration_invalid',
  })
  await start()
  const now = () => clock
  await withAppEffects(app, { folder, environment, now }, async ({ schedules }) => {
    expect(await schedules.list()).toMatchObject([
      { name: 'tidy', state: 'active', job: 'schedule:tidy' },
      { name: 'digest', state: 'active', job: 'mail', times: '0 7 * * * in Europe/Paris' },
    ])
    await schedules.pause('digest')
  })
  expect(await app.schedules.get('digest')).toMatchObject({ state: 'paused' })
  await app.stop()
  await withAppEffects(app, { folder, environment, now }, ({ schedules }) => schedules.runNow('tidy'))
  await start()
  await expect.poll(notes, { timeout: 45_000 }).toEqual(['tidy true 2026-03-01T00:00:00.000Z'])
})
