import { EventEmitter, once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { appSource, Child, command, folderWith } from '../../test/api/child-app.ts'
import { silentLogger } from '../observe/index.ts'
import { Supervisor } from './supervisor.ts'

const secret = 'abcdefghijklmnopqrstuvwxyz012345'

const notes = {
  before: `const Note = model('note', { id: t.id(), text: t.text() })
    const { policy, resource, endpoint: data } = define({ models: { Note } })
    policy(Note, { anyone: { read: true, create: true } })`,
  serve: `resource(Note, { at: '/notes', actions: ['list', 'create'] }),
    endpoint('GET /pid', { handle: () => process.pid }),
    endpoint('GET /version', { handle: () => version }),
    endpoint('GET /never', { handle: () => (console.log('never began'), new Promise(() => {})) }),
    data('POST /stop', { anyone: true, async handle({ db }) {
      await db.insert(Note, { text: 'stopped' })
      writeSync(1, 'stopping myself\\n')
      process.kill(process.pid, 'SIGSTOP')
    } })`,
}

const source = (version: string, options = '') =>
  appSource(
    notes.serve,
    options,
    `import { writeSync } from 'node:fs'\nconst version = ${JSON.stringify(version)}\n${notes.before}`,
  )

function start(
  processes: string,
  { app = source('one'), env = {} }: { app?: string; env?: Record<string, string> } = {},
) {
  const folder = folderWith({ 'app.ts': app })
  const child = new Child([command, 'start', '--processes', processes], {
    folder,
    env: { MONOBLOC_SECRET: secret, PORT: '0', HOST: '127.0.0.1', ...env },
  })
  // Its children end with it, also by SIGKILL.
  return { folder, child }
}

/** Each on a connection of its own. */
async function ask(url: string, options: http.RequestOptions = {}, body?: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string; connection?: string }>()
  const request = http.request(url, { agent: false, ...options }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part) => (text += part))
    response.on('end', () =>
      resolve({ status: response.statusCode!, body: text, connection: response.headers.connection! }),
    )
    response.on('error', reject)
  })
  request.on('error', reject)
  request.end(body)
  return promise
}

const post = (url: string, text: string, agent: http.Agent | false = false) =>
  ask(
    `${url}/notes`,
    { agent, method: 'POST', headers: { 'content-type': 'application/json' } },
    JSON.stringify({ text }),
  )

const ready = (count: number) => new RegExp(`"processes":\\{"ready":${count},"wanted":${count}\\}`)

async function allReady(url: string, count: number): Promise<void> {
  while (!ready(count).test((await ask(`${url}/readyz`)).body));
}

async function pids(url: string, count: number): Promise<Set<string>> {
  const found = new Set<string>()
  while (found.size < count) found.add((await ask(`${url}/pid`)).body)
  return found
}

describe('several processes', () => {
  test('share one port and one database, say once where they are, and end together with 0', async () => {
    const { folder, child } = start('2')
    const url = await child.url()
    await allReady(url, 2)
    expect((await pids(url, 2)).size).toBe(2)
    const agents = [
      new http.Agent({ keepAlive: true, maxSockets: 1 }),
      new http.Agent({ keepAlive: true, maxSockets: 1 }),
    ]
    onTestFinished(() => agents.forEach((agent) => void agent.destroy()))
    // Two connections are two processes: what one acknowledged, the other one shows.
    for (let at = 0; at < 10; at++) {
      expect((await post(url, `n${at}`, agents[at % 2]!)).status).toBe(201)
      expect((await ask(`${url}/notes?fields=text`, { agent: agents[(at + 1) % 2]! })).body).toContain(`"n${at}"`)
    }
    child.process.kill('SIGTERM')
    expect(await child.exit).toEqual({ code: 0, signal: null })
    const lines = child.out.trim().split('\n').map((line) => JSON.parse(line)) // biome-ignore format: one chain
    expect(lines.filter(({ message }) => message.includes('is ready at'))).toHaveLength(1)
    expect(new Set(lines.map((line) => line.process).filter(Boolean))).toEqual(new Set([1, 2]))
    expect(lines.at(-1)).toMatchObject({ message: 'stopped', supervisor: true })
    const rows = new DatabaseSync(path.join(folder, 'data/app.db')).prepare('select count(*) as n from note').get()
    expect(rows).toMatchObject({ n: 10 })
  })
  test('one that is killed is started again, and connections made meanwhile are answered', async () => {
    const { child } = start('1')
    const url = await child.url()
    const [pid] = await pids(url, 1)
    process.kill(Number(pid), 'SIGKILL')
    await child.says(/ended by itself/)
    const { status, body } = await ask(`${url}/pid`)
    expect(status).toBe(200)
    expect(body).not.toBe(pid)
    child.process.kill('SIGTERM')
    expect((await child.exit).code).toBe(0)
  })
  test('one that is stopped while it holds the lock is killed, and the others write', async () => {
    const { folder, child } = start('2')
    const url = await child.url()
    await allReady(url, 2)
    const cut = expect(ask(`${url}/stop`, { method: 'POST' })).rejects.toThrow()
    await child.says(/stopping myself/)
    expect((await post(url, 'after')).status).toBe(201)
    await child.says(/is killed: it is stopped while it holds the lock/)
    await cut
    await child.says(/ended by itself/)
    const rows = new DatabaseSync(path.join(folder, 'data/app.db')).prepare('select text from note').all()
    expect(rows).toEqual([{ text: 'after' }])
  })
  test('all end with 1 what is not done in time, and at once by a second signal', async () => {
    const { child } = start('2')
    const url = await child.url()
    const cut = expect(ask(`${url}/never`)).rejects.toThrow()
    await child.says(/never began/)
    child.process.kill('SIGTERM')
    await child.says(/processes finish what is under way/)
    child.process.kill('SIGINT')
    expect(await child.exit).toEqual({ code: 130, signal: null })
    await cut
  })
  test('finish and end when their supervisor is killed', async () => {
    const { child } = start('2')
    const url = await child.url()
    await allReady(url, 2)
    const found = await pids(url, 2)
    child.process.kill('SIGKILL')
    // Their output is closed when the last of them has ended.
    await child.exit
    // Whoever ended stays known until the system has taken note of it.
    for (const pid of found) await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow(), 45_000)
  })
})

describe('a reload', () => {
  test('runs the new code, and a connection that was idle meanwhile is still answered', async () => {
    const { folder, child } = start('2')
    const url = await child.url()
    await allReady(url, 2)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    expect((await post(url, 'before', agent)).connection).toBe('keep-alive')
    writeFileSync(path.join(folder, 'app.ts'), source('two'))
    child.process.kill('SIGHUP')
    await child.says(/reloaded: all 2 processes are new/)
    expect((await ask(`${url}/version`)).body).toBe('"two"')
    const late = await post(url, 'after', agent)
    expect(late).toMatchObject({ status: 201, connection: 'close' })
    child.process.kill('SIGTERM')
    expect((await child.exit).code).toBe(0)
  })
  test('hurries those of the reload before, and SIGTERM those of this one, with a connection on which nothing comes', async () => {
    const { child } = start('1')
    const port = Number(new URL(await child.url()).port)
    const idle = async () => {
      const socket = net.connect(port, '127.0.0.1').resume()
      onTestFinished(() => void socket.destroy())
      await new Promise(
        (resolve) => socket.write('GET /version HTTP/1.1\r\nHost: a\r\n\r\n') && socket.once('data', resolve),
      )
      return socket
    }
    const reload = async () => {
      const from = child.text.length
      child.process.kill('SIGHUP')
      await child.says(/reloaded: all 1 processes are new/, from)
    }
    const closed = once(await idle(), 'close')
    await reload()
    await idle()
    await reload()
    await closed
    child.process.kill('SIGTERM')
    expect(await child.exit).toEqual({ code: 0, signal: null })
  })
  test('of a version that does not start leaves the old one serving, and says so', async () => {
    const { folder, child } = start('1')
    const url = await child.url()
    writeFileSync(path.join(folder, 'app.ts'), 'throw new RangeError("out of line")')
    child.process.kill('SIGHUP')
    await child.says(/the new version does not start: the old ones go on/)
    expect(child.err).toContain('out of line')
    expect((await ask(`${url}/version`)).body).toBe('"one"')
    // Mended, it is taken.
    writeFileSync(path.join(folder, 'app.ts'), source('three'))
    child.process.kill('SIGHUP')
    await child.says(/reloaded: all 1 processes are new/)
    expect((await ask(`${url}/version`)).body).toBe('"three"')
  })
})

test('one that ends while its replacement starts, which ends too, is started again once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  // It serves, or as its file says later, never does.
  const folder = folderWith({
    'child.js': `
      const { readFileSync } = require('node:fs')
      process.on('message', ({ kind }) => kind === 'stop' && process.exit(0))
      if (readFileSync(__dirname + '/serves', 'latin1') === 'yes') process.send({ kind: 'ready', drain: 0 })
      console.log(process.pid)`,
    serves: 'yes',
  })
  const said: string[] = []
  const pids: number[] = []
  const heard = new EventEmitter()
  const hear = <T>(list: T[], one: T) => {
    list.push(one)
    heard.emit('more')
  }
  const until = async (done: () => boolean) => {
    while (!done()) await once(heard, 'more')
  }
  const supervisor = new Supervisor({
    program: path.join(folder, 'child.js'),
    environment: process.env,
    args: [],
    processes: 1,
    onLines: (lines) => hear(pids, Number(lines.toString())),
    log: { ...silentLogger, info: (line) => hear(said, line), error: (line) => hear(said, line) },
  })
  const ends = () => said.filter((line) => line.includes('ended by itself'))
  const ended = supervisor.run()
  await until(() => pids.length === 1)
  writeFileSync(path.join(folder, 'serves'), 'no')
  supervisor.reload()
  await until(() => pids.length === 2)
  for (const [at, pid] of pids.entries()) {
    process.kill(pid, 'SIGKILL')
    await until(() => ends().length === at + 1)
  }
  vi.advanceTimersByTime(60_000)
  supervisor.stop('SIGTERM')
  expect(said.at(-1)).toMatch(/^SIGTERM: 1 processes finish/)
  expect(await ended).toBe(0)
})

describe('an app that cannot start', () => {
  test('ends it with its own exit code, said once', async () => {
    const { child } = start('2', { env: { MONOBLOC_LOG: 'loud' } })
    expect((await child.exit).code).toBe(78)
    const broken = start('2', { app: 'throw new RangeError("out of line")' }).child
    expect((await broken.exit).code).toBe(1)
    expect(broken.err.match(/RangeError: out of line/g)).toHaveLength(1)
  })
  test('says which port is taken and ends with 69', async () => {
    const other = net.createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as net.AddressInfo
    const { child } = start('2', { env: { PORT: String(port) } })
    expect((await child.exit).code).toBe(69)
    expect(child.err).toContain(`Another program listens on 127.0.0.1:${port}`)
  })
  test('refuses a number of processes that is none', async () => {
    const { child } = start('many')
    expect((await child.exit).code).toBe(78)
    expect(child.err).toContain('MONOBLOC_PROCESSES')
  })
})
