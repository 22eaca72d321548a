import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChildOptions, nextMessage, startChild, stopChild } from './child.ts'
import type { Ready } from './servers/listening.ts'

export const servers = ['raw', 'express', 'fastify', 'monobloc'] as const
export type ServerKind = (typeof servers)[number]

export interface RunningServer {
  kind: ServerKind
  pid: number
  port: number
  /** The database that it alone uses; undefined where it has none. */
  file: string | undefined
  stop(): Promise<void>
}

/** Starts a server on a copy of its database. Its core is 0 unless it is said otherwise. */
export async function startServer(
  kind: ServerKind,
  seed: string | undefined,
  folder: string,
  options: ChildOptions = {},
): Promise<RunningServer> {
  const file = seed && path.join(folder, 'app.db')
  // A log that an earlier run left behind would be taken for this copy's.
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (seed) copyFileSync(seed, file!)
  const main = fileURLToPath(new URL(`./servers/${kind}.ts`, import.meta.url))
  const child = startChild(main, file ? [file] : [], { core: 0, ...options })
  const { port } = await nextMessage<Ready>(child, kind)
  return { kind, pid: child.pid!, port, file, stop: () => stopChild(child) }
}
