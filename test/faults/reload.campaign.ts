import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { atEnd } from '../campaign/at-end.ts'
import type { Campaign } from '../campaign/campaign.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { PostgresServer } from './postgres-server.ts'
import { signal } from './processes.ts'
import { Random } from './random.ts'
import { readReloaded } from './reload-contents.ts'
import { compileCache } from './server.ts'

const clients = 12

/** Between two requests of a client, in milliseconds: connections are idle when a process begins to stop. */
const longestPause = 60

/** A reload of two processes takes a second or two on an idle machine. */
const reloadMilliseconds = 300_000

/** What is enqueued is done within this time. */
const jobMilliseconds = 60_000

/**
 * Two processes behind one socket are replaced again and again while clients send POSTs on connections that they keep: no
 * request may fail, and each must have happened once, with its job.
 */
export const campaign: Campaign = {
  name: 'reload',
  chance: 'The seed gives the pauses of the clients; when a process is replaced is up to the machine.',
  unit: 'faults',
  engines: ['sqlite', 'postgres'],
  // 100 reloads on SQLite, 20 on PostgreSQL.
  seeds: 10,
  slice: [1],
  unavailable: (engine) => (engine === 'postgres' ? whyNoPostgres() : undefined),
  async run(seed, { engine, folder, lean }) {
    if (engine === 'sqlite') return runReloads(seed, path.join(folder, 'app.db'), { folder, reloads: lean ? 1 : 10 })
    const server = await PostgresServer.create()
    try {
      await server.query('create database app')
      return await runReloads(seed, server.url('app'), { folder, reloads: lean ? 1 : 2 })
    } finally {
      await server.remove()
    }
  },
}

export interface Reloads {
  folder: string
  reloads: number
  /** Resolves when the processes are new for the nth time. Default: by SIGHUP. */
  replace?(app: App, count: number): Promise<void>
}

type App = ReturnType<typeof startApp>

export async function runReloads(seed: number, database: string, { folder, reloads, replace = reload }: Reloads) {
  const app = startApp(database, folder)
  const violations: string[] = []
  const acknowledged: string[] = []
  const load = { stopped: false }
  try {
    const port = Number((await app.says(/ready at http:\/\/127\.0\.0\.1:(\d+)/))[1])
    const sending = Array.from({ length: clients }, (_, at) =>
      send(port, new Random(seed, at + 1), `s${seed}c${at}`, load, acknowledged, violations),
    )
    let count = 0
    while (count < reloads && violations.length === 0) {
      const before = acknowledged.length
      count++
      await replace(app, count)
      if (acknowledged.length === before) violations.push('nobody was served during a reload')
    }
    load.stopped = true
    await Promise.all(sending)
    if (violations.length === 0) {
      violations.push(...(await waitFor(() => readReloaded(database, acknowledged), jobMilliseconds)))
      const code = await app.stop()
      if (code !== 0) violations.push(`it ended with ${code}`)
      violations.push(...(await readReloaded(database, acknowledged)))
    }
    if (violations.length > 0) violations.push(app.output().slice(-5000))
    return { count, violations: [...new Set(violations)], acknowledged: acknowledged.length }
  } finally {
    load.stopped = true
    app.kill()
  }
}

export async function reload(app: App, count: number): Promise<void> {
  app.signal('SIGHUP')
  await app.says(/reloaded: all 2 processes are new|the new version does not start/, count)
  if (app.output().includes('the new version does not start')) throw new Error(app.output().slice(-5000))
}

/** One request after the other, on a connection that is kept. Nothing is sent again: an error is a failed request. */
async function send(
  port: number,
  random: Random,
  name: string,
  load: { stopped: boolean },
  acknowledged: string[],
  violations: string[],
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let at = 0; !load.stopped; at++) {
    const id = `${name}.${at}`
    const status = await post(port, agent, id).catch((error: Error) => error.message)
    if (status === 201) acknowledged.push(id)
    else violations.push(`${id} failed: ${status}`)
    await wait(random.below(longestPause))
  }
  agent.destroy()
}

async function post(port: number, agent: Agent, id: string): Promise<number> {
  const body = JSON.stringify({ request: id })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const sent = request({ agent, host: '127.0.0.1', port, method: 'POST', path: '/orders', headers })
  sent.end(body)
  const [response] = await once(sent, 'response')
  response.resume()
  await once(response, 'end')
  return response.statusCode
}

async function waitFor(look: () => Promise<string[]>, milliseconds: number): Promise<string[]> {
  const until = performance.now() + milliseconds
  for (;;) {
    const wrong = await look()
    if (wrong.length === 0 || performance.now() > until) return wrong
    await wait(100)
  }
}

function startApp(database: string, folder: string) {
  const main = path.join(import.meta.dirname, '../../src/cli/main.ts')
  const app = path.join(import.meta.dirname, 'reload-app.ts')
  const args = ['--conditions=source', main, 'start', app, '--processes', '2', '--port', '0', '--host', '127.0.0.1']
  const settings = { DATABASE_URL: engineUrl(database), MONOBLOC_DATA: folder, MONOBLOC_LOG_FORMAT: 'json' }
  const env = { ...process.env, ...settings, NODE_COMPILE_CACHE: compileCache }
  const child = spawn(process.execPath, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  // Each wait adds listeners until the next line comes.
  child.setMaxListeners(0)
  const heard = (text: string) => {
    // The line of each request is of no use here.
    output += text.replace(/^.*"event":"http\.request".*\n/gm, '')
    child.emit('heard')
  }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', heard)
  const ended = once(child, 'close')
  const forget = atEnd(() => signal(-child.pid!, 'SIGKILL'))
  void ended.then(forget)
  return {
    pid: child.pid!,
    output: () => output,
    signal: (name: NodeJS.Signals) => signal(child.pid!, name),
    /** Resolves when it has said so as often. */
    async says(pattern: RegExp, times = 1): Promise<RegExpExecArray> {
      const until = performance.now() + reloadMilliseconds
      const every = new RegExp(pattern, 'g')
      for (;;) {
        const found = [...output.matchAll(every)]
        if (found.length >= times) return found[0]!
        if (child.exitCode !== null || performance.now() > until)
          throw new Error(`it does not say ${pattern}: ${output}`)
        await Promise.race([once(child, 'heard'), ended, wait(1000)])
      }
    },
    async stop(): Promise<number | null> {
      signal(child.pid!, 'SIGTERM')
      return (await ended)[0] as number | null
    },
    kill: () => void (child.exitCode === null && signal(-child.pid!, 'SIGKILL')),
  }
}

function engineUrl(database: string): string {
  return database.startsWith('postgres') ? database : `sqlite:${database}`
}
