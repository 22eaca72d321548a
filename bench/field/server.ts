import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { nextMessage, startChild, stopChild } from '../child.ts'
import { usageOf } from '../process-usage.ts'
import type { Peer } from './peers.ts'

export interface RunningPeer {
  peer: Peer
  port: number
  pid: number
  file: string
  /** Bytes of memory of its processes, now. */
  resident(): number
  stop(): Promise<void>
}

/** Starts a server on a fresh copy of its database, on core 0. */
export async function startPeer(
  peer: Peer,
  seeds: { peers: string; monobloc: string },
  folder: string,
): Promise<RunningPeer> {
  const place = path.join(folder, peer.name)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  const file = path.join(place, 'app.db')
  copyFileSync(peer.name === 'monobloc' ? seeds.monobloc : seeds.peers, file)
  const child = startChild(peer.main, [file], { core: 0, nodeOptions: [] })
  const { port } = await nextMessage<{ port: number }>(child, peer.name)
  const pid = child.pid!
  return { peer, port, pid, file, resident: () => usageOf(pid).resident, stop: () => stopChild(child) }
}

/** Milliseconds from the start of the process to the first answer that came from the table. */
export async function timeStart(
  peer: Peer,
  seeds: { peers: string; monobloc: string },
  folder: string,
): Promise<number> {
  const started = performance.now()
  const running = await startPeer(peer, seeds, folder)
  try {
    const response = await fetch(`http://127.0.0.1:${running.port}/items/1`)
    await response.arrayBuffer()
    if (response.status !== 200) throw new Error(`${peer.name} answered ${response.status}`)
    return performance.now() - started
  } finally {
    await running.stop()
  }
}

/** Starts Monobloc on an empty database, which it fills, and stops it. */
export async function seedMonobloc(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const main = fileURLToPath(new URL('./monobloc.ts', import.meta.url))
  const child = startChild(main, [path.join(folder, 'app.db')], { nodeOptions: [] })
  await nextMessage(child, 'monobloc')
  await stopChild(child)
}
