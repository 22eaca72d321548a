import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Backend } from 'monobloc'
import pg from 'pg'
import { Tokens } from '../../src/access/index.ts'
import { cacheApp, Draft, Note, Tag, User } from '../conformance/cache-app.ts'
import type { plants } from './cache-planted.ts'

export interface Answer {
  status: number
  text: string
  link: string | undefined
}

export interface Counters {
  hits: number
  misses: number
  invalidations: number
}

/** Two processes whose answers are kept, and the same app in this one without a cache, on one database. */
export interface CacheWorld {
  /** The app without a cache, which also writes. */
  app: Backend
  /** @param node 0 and 1; 2 has no cache */
  ask(node: number, method: string, target: string, who: Who, body?: unknown): Promise<Answer>
  /** A statement of a program that knows nothing of Monobloc. */
  outside(statement: string): Promise<void>
  counters(): Promise<Counters>
  close(): Promise<void>
}

export type Who = 'nobody' | 'ann' | 'bob' | 'eve'
export const people: readonly Who[] = ['nobody', 'ann', 'bob', 'eve']
const secret = 'a secret of at least 32 bytes, for tests'

export interface WorldOptions {
  folder: string
  /** A PostgreSQL database; undefined: a file in the folder. */
  url?: string | undefined
  planted?: keyof typeof plants | undefined
}

export async function openCacheWorld({ folder, url, planted }: WorldOptions): Promise<CacheWorld> {
  const environment = {
    PATH: process.env.PATH,
    NODE_ENV: 'test',
    PORT: '0',
    MONOBLOC_DATA: folder,
    MONOBLOC_LOG: 'silent',
    MONOBLOC_SECRET: secret,
    ...(url && { DATABASE_URL: url }),
  }
  const { app } = cacheApp({ cache: 0 })
  const { port } = await app.start({ environment })
  await fill(app)
  const nodes = await Promise.all([startNode(environment, planted), startNode(environment, planted)])
  const ports = [...nodes.map((node) => node.port), port]
  const agent = new http.Agent({ keepAlive: true })
  const tokens = new Tokens({ secret, issuer: 'cache', lifetime: 3600 })
  return {
    app,
    ask(node, method, target, who, body) {
      const at = people.indexOf(who)
      const headers = at > 0 ? { authorization: `Bearer ${tokens.issue(String(at))}` } : undefined
      return ask({ port: ports[node]!, agent, method, path: target, headers }, body)
    },
    outside: (statement) => outside({ folder, url }, statement),
    async counters() {
      const all = await Promise.all(
        nodes.map(async ({ child }) => {
          child.send('counters')
          return (await once(child, 'message'))[0] as Counters
        }),
      )
      const sum = (name: keyof Counters) => all.reduce((total, one) => total + one[name], 0)
      return { hits: sum('hits'), misses: sum('misses'), invalidations: sum('invalidations') }
    },
    async close() {
      agent.destroy()
      for (const { child } of nodes) {
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
      }
      await app.stop()
    },
  }
}

async function fill(app: Backend): Promise<void> {
  await app.transaction(async (db: any) => {
    await db.insert(User, [{ name: 'ann' }, { name: 'bob' }, { name: 'eve', role: 'admin' }])
    await db.insert(Tag, [{ name: 'red' }, { name: 'blue' }, { name: 'x', hidden: true }])
    for (let at = 1; at <= 12; at++)
      await db.insert(Note, { title: `n${at}`, rank: at, owner: 1 + (at % 3), tags: at % 2 ? [1 + (at % 3)] : [] })
    await db.insert(
      Draft,
      [1, 2, 3].map((owner) => ({ text: `of ${owner}`, owner })),
    )
  })
}

async function startNode(
  environment: NodeJS.ProcessEnv,
  planted: string | undefined,
): Promise<{ child: ChildProcess; port: number }> {
  const main = path.join(import.meta.dirname, 'cache-process.ts')
  const child = spawn(process.execPath, ['--conditions=source', main, planted ?? ''], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error('a process of the app has ended')
  })
  const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }]
  ended.catch(() => {})
  return { child, port }
}

async function outside({ folder, url }: { folder: string; url: string | undefined }, statement: string): Promise<void> {
  if (url) {
    const client = new pg.Client(url)
    await client.connect()
    await client.query(statement)
    await client.end()
    return
  }
  const db = new DatabaseSync(path.join(folder, 'app.db'), { timeout: 10_000 })
  db.exec('pragma foreign_keys = on')
  db.exec(statement)
  db.close()
}

function ask(options: http.RequestOptions, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(options.headers as http.OutgoingHttpHeaders | undefined),
      ...(body !== undefined && {
        'content-type': options.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      }),
    }
    const request = http.request({ ...options, headers, host: '127.0.0.1' }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => (text += part))
      response.on('end', () =>
        resolve({ status: response.statusCode!, text, link: response.headers.link as string | undefined }),
      )
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
