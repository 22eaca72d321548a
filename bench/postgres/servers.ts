import { fileURLToPath } from 'node:url'
import { nextMessage, startChild, stopChild } from '../child.ts'
import type { Ready } from '../servers/listening.ts'

export const kinds = ['fastify', 'monobloc'] as const
export type Kind = (typeof kinds)[number]

export interface Running {
  kind: Kind
  url: string
  pid: number
  port: number
  stop(): Promise<void>
}

/** Monobloc's default, which the peer is given too. */
export const connectionsOfPool = 10

const mains: Record<Kind, string> = { fastify: './fastify.ts', monobloc: '../servers/monobloc.ts' }

/** Starts a server on a database. It is pinned to no core: the database server needs them too. */
export async function startOn(kind: Kind, url: string): Promise<Running> {
  const child = startChild(fileURLToPath(new URL(mains[kind], import.meta.url)), [], {
    environment: { BENCH_DATABASE: url, BENCH_POOL: String(connectionsOfPool) },
  })
  const { port } = await nextMessage<Ready>(child, kind)
  return { kind, url, pid: child.pid!, port, stop: () => stopChild(child) }
}

/** Starts Monobloc on an empty database, which it fills, and stops it. */
export async function createMonoblocSeed(url: string): Promise<void> {
  const running = await startOn('monobloc', url)
  await running.stop()
}
