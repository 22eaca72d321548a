import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Backend, BackendOptions } from 'monobloc'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import { Tokens } from '../../src/access/index.ts'
import { cacheApp } from './cache-app.ts'
import { engine } from './engine.ts'

export interface Asked {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  json: any
}

export interface CacheRun {
  app: Backend
  calls: () => number
  port: number
  get(target: string, headers?: Record<string, string>): Promise<Asked>
  /** Whether this is answered from what is kept, once it has been asked before. */
  isKept(target: string, headers?: Record<string, string>): Promise<boolean>
  as(user: { id: number }): Record<string, string>
  /** Writes as the system. */
  write<T>(work: (db: any) => Promise<T>): Promise<T>
}

export interface CacheWorld {
  start(options?: Partial<BackendOptions> & { now?: () => number }): Promise<CacheRun>
  /** A statement of a program that knows nothing of Monobloc. */
  outside(statement: string): Promise<void>
}

/** One database for any number of apps of a test. */
export async function cacheWorld(): Promise<CacheWorld> {
  const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-cache-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const settings = await engine.settings()
  const environment = {
    NODE_ENV: 'test',
    PORT: '0',
    MONOBLOC_DATA: folder,
    MONOBLOC_LOG: 'silent',
    MONOBLOC_SECRET: 'a secret of at least 32 bytes, for tests',
    ...settings,
  }
  const tokens = new Tokens({ secret: environment.MONOBLOC_SECRET, issuer: 'cache', lifetime: 3600 })
  return {
    async start({ now, ...options } = {}) {
      const { app, calls } = cacheApp(options)
      const { port } = await app.start({ folder, environment, ...(now && { now }) })
      onTestFinished(() => app.stop())
      const agent = new http.Agent({ keepAlive: true })
      onTestFinished(() => agent.destroy())
      const get = (target: string, headers: Record<string, string> = {}) => ask(port, agent, target, headers)
      return {
        app,
        calls,
        port,
        get,
        async isKept(target, headers) {
          const before = app.cache!.hits
          const { status } = await get(target, headers)
          if (status >= 400) throw new Error(`${target} is answered with ${status}`)
          return app.cache!.hits > before
        },
        as: ({ id }) => ({ authorization: `Bearer ${tokens.issue(String(id))}` }),
        write: (work) => app.transaction(work),
      }
    },
    async outside(statement) {
      if (settings.DATABASE_URL) {
        const client = new pg.Client(settings.DATABASE_URL)
        await client.connect()
        await client.query(statement)
        await client.end()
      } else {
        const db = new DatabaseSync(path.join(folder, 'app.db'))
        db.exec('pragma foreign_keys = on')
        db.exec(statement)
        db.close()
      }
    },
  }
}

function ask(port: number, agent: http.Agent, target: string, headers: Record<string, string>): Promise<Asked> {
  return new Promise((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', path: target, agent, headers }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString()
          const isJson = /json/.test(response.headers['content-type'] ?? '') && !response.headers['content-encoding']
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            text,
            json: isJson && text !== '' ? JSON.parse(text) : undefined,
          })
        })
      })
      .on('error', reject)
  })
}
