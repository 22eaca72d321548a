// The campaigns find what they look for: a server that breaks a promise is seen to break it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCrashes } from './crash.campaign.ts'
import { runPowerLosses } from './durability.campaign.ts'
import { childrenOf, signal } from './processes.ts'
import { reload, runReloads } from './reload.campaign.ts'
import { Server } from './server.ts'
import { runStorm } from './storm.campaign.ts'
import { whyNoStrace } from './tools.ts'
import { readTrace } from './trace.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'red-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const noStrace = whyNoStrace()

test('a server that answers before COMMIT is found by killing it', async () => {
  const { count, violations } = await runCrashes(1, folder, 30, { acknowledgeEarly: true })
  expect(violations.join('\n')).toMatch(/\(acknowledged\) is (lost|0 transactions)/)
  expect(count).toBeGreaterThan(0)
})

test('so it is where several processes share the file', async () => {
  // Made and filled in order: it is not the start that is wrong.
  const first = Server.spawn({ database: path.join(folder, 'app.db') })
  await first.listening()
  await first.stop()
  const { violations } = await runStorm(1, folder, { nodes: 3, strikes: 4 }, { acknowledgeEarly: true })
  // To others it shows before any of them is killed.
  expect(violations.join('\n')).toMatch(/\(acknowledged\) is (lost|0 transactions)|^read of/m)
})

test('processes that are killed after a reload are found by a request that fails', async () => {
  const { violations } = await runReloads(1, path.join(folder, 'app.db'), {
    folder,
    reloads: 5,
    async replace(app, count) {
      await reload(app, count)
      for (const pid of childrenOf(app.pid)) signal(pid, 'SIGKILL')
    },
  })
  expect(violations.join('\n')).toMatch(/^s1c\d+\.\d+ failed: /m)
})

describe.each(['normal', 'off'] as const)('with synchronous=%s', (synchronous) => {
  test('a power failure loses what was acknowledged', async ({ skip }) => {
    skip(noStrace !== undefined, noStrace)
    const { violations } = await runPowerLosses(1, folder, 30, { synchronous })
    expect(violations.join('\n')).toMatch(/was written|is lost|are gone|integrity_check/)
  })
})

test('a sync that fails while nobody writes ends the server, too', async ({ skip }) => {
  skip(noStrace !== undefined, noStrace)
  const disk = path.join(folder, 'disk')
  const run = async (name: string, ...injected: string[]) => {
    const file = path.join(disk, name, 'app.db')
    const trace = path.join(folder, `${name}.trace`)
    const server = Server.spawn({ database: file, trace: { file: trace, inject: injected } })
    const port = await server.listening()
    if (injected.length === 0) server.kill()
    const ended = await server.ended
    const syncs = readTrace(trace, disk).events.filter((event) => event.kind === 'sync')
    return { port, ...ended, syncs, output: server.output }
  }
  mkdirSync(disk)
  const calm = await run('calm')
  // The next sync is that of the statistics which are gathered some seconds after the start.
  const failing = await run('failing', `fsync,fdatasync:error=EIO:when=${calm.syncs.length + 1}+`)
  expect(failing.port).not.toBeNull()
  expect(failing.syncs.filter(({ failed }) => failed)).toHaveLength(1)
  expect(failing).toMatchObject({ code: 74, signal: null, output: expect.stringContaining('disk I/O error') })
})
