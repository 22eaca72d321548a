import { rmSync } from 'node:fs'
import path from 'node:path'
import { type ServerKind, startServer } from './server-kind.ts'
import { createPeerDatabase } from './servers/peer-items.ts'

/** The file that a server's database is a copy of. */
export type Seeds = { readonly [kind in ServerKind]?: string }

/** Makes the table once for the peers, and once for Monobloc by Monobloc itself. */
export async function createSeeds(
  folder: string,
  servers: readonly ServerKind[],
  say: (line: string) => void,
): Promise<Seeds> {
  const peers = path.join(folder, 'peers.db')
  const own = path.join(folder, 'seed', 'app.db')
  if (servers.includes('express') || servers.includes('fastify')) {
    say('Filling the table of the peers.')
    for (const suffix of ['', '-wal', '-shm']) rmSync(peers + suffix, { force: true })
    createPeerDatabase(peers)
  }
  if (servers.includes('monobloc')) {
    say('Filling the table of Monobloc.')
    await createMonoblocSeed(path.dirname(own))
  }
  return { express: peers, fastify: peers, monobloc: own }
}

/** Starts Monobloc on an empty database, which it fills, and stops it. */
export async function createMonoblocSeed(folder: string): Promise<void> {
  const server = await startServer('monobloc', undefined, folder, { environment: { BENCH_DATA: folder } })
  await server.stop()
}
