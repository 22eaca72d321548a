import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { engine } from './engine.ts'
import { app } from './webhook-crash-app.ts'
import { openReceiver, type Receiver } from './webhook-fixture.ts'

const hour = 60 * 60_000

let folder: string
let environment: NodeJS.ProcessEnv
let receiver: Receiver
let child: ChildProcess
let ahead = 0
let kills = 0

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'monobloc-webhook-crash-'))
  environment = { NODE_ENV: 'test', MONOBLOC_DATA: folder, ...(await engine.settings()) }
  receiver = await openReceiver()
})

afterEach(async () => {
  child?.kill('SIGKILL')
  await app.stop()
  await receiver.close()
  rmSync(folder, { recursive: true })
})

async function startChild(): Promise<void> {
  child = fork(path.join(import.meta.dirname, 'webhook-crash-app.ts'), {
    env: { ...process.env, ...environment, WEBHOOK_CHILD: String(ahead) },
    cwd: folder,
  })
  const ready = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined)])
  if (!ready) throw new Error('The child did not start.')
}

/** In the middle of its work. Resolves when it is gone. */
async function killChild(): Promise<void> {
  kills++
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** Lets a child commit these orders and then move its clock, however many children that takes. */
async function pay(...orders: number[]): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) await startChild()
    const end = new AbortController()
    const { signal } = end
    const told = Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => undefined),
    ])
    if (child.connected) child.send({ ahead, orders })
    const answer = await told
    end.abort()
    if (answer) return
  }
}

const until = (check: () => unknown) => expect.poll(check, { timeout: 60_000, interval: 10 }).toBeTruthy()

test('a receiver that fails for two days has everything once it is back, in order, whoever was killed meanwhile', async () => {
  await app.start({ listen: false, environment, folder, logTo: { write() {} } })
  await app.webhooks.add({ url: receiver.url })
  await app.stop()

  let order = 0
  await startChild()
  for (let hours = 0; hours < 48; hours += 8) {
    ahead += 8 * hour
    const isKilled = hours % 24 === 16
    const ended = Promise.withResolvers<void>()
    receiver.answer = async () => {
      // It never hears of this answer.
      if (isKilled) await killChild()
      ended.resolve()
      return 503
    }
    await pay(++order, ++order, ++order)
    await ended.promise
  }
  expect(receiver.taken).toEqual([])

  // It is back; the process is killed again and again, with what was just taken in not yet written down.
  receiver.answer = async ({ body }) => {
    const { order } = JSON.parse(body).data
    if (order % 6 === 0 && !receiver.taken.includes(order)) await killChild()
    return 204
  }
  while (receiver.taken.length < order || order < 24) {
    ahead += hour
    await pay(++order)
    const last = order
    await until(() => child.signalCode !== null || receiver.taken.length === last)
  }
  expect(kills).toBeGreaterThan(4)
  expect(receiver.taken).toEqual(Array.from({ length: order }, (_, at) => at + 1))
  expect(receiver.all.length).toBeGreaterThan(receiver.taken.length)
}, 300_000)
