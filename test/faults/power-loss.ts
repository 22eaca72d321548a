// What a disk may hold when the power fails at some moment of a trace.
//
// Only what an fsync that succeeded before that moment covered is certain. Of the rest each write may be there, not be
// there, or be there in part, sector by sector; a file that was made or removed may be so or not until its folder was
// synced. A failed fsync makes its writes uncertain for good: the kernel has dropped them and a later one won't bring them.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Random } from './random.ts'
import type { Trace, TraceEvent } from './trace.ts'

/**
 * - `synced`: nothing but what is certain.
 * - `partial`: of the rest something, drawn by the seed.
 * - `torn`: the same, and writes broken into sectors.
 */
export type Loss = (typeof losses)[number]
export const losses = ['synced', 'partial', 'torn'] as const

// What disks write whole. SQLite assumes no more than that (https://sqlite.org/psow.html).
const sector = 512

type Of<K extends TraceEvent['kind']> = Extract<TraceEvent, { kind: K }>
type Change = Of<'write'> | Of<'truncate'>

/** One file or folder from its making to its removal. */
interface FileLife {
  isFolder: boolean
  changes: Change[]
  syncs: Of<'sync'>[]
}

/** What the folder called by its names, one change after the other. */
interface NameChange {
  event: TraceEvent
  folder: string
  apply(names: Map<string, FileLife>): unknown
}

/**
 * Writes the files below `folder` as a disk may hold them at a moment.
 *
 * @param at the line of the trace before which everything has happened
 */
export function losePower(trace: Trace, at: number, loss: Loss, random: Random, folder: string, to: string): void {
  const { names, syncs } = namesAt(trace, at)
  const kept = new Map<string, FileLife>()
  for (const [parent, changes] of Map.groupBy(names, (change) => change.folder)) {
    const synced = syncs.findLast((sync) => sync.path === parent)
    const certain = changes.filter(({ event }) => synced && event.end < synced.start).length
    // The names of one folder change in order on every file system with a journal.
    const count = loss === 'synced' ? certain : certain + random.below(changes.length - certain + 1)
    for (const change of changes.slice(0, count)) change.apply(kept)
  }
  for (const [name, life] of kept) {
    // Shared memory is built anew by whoever opens the database first.
    if (life.isFolder || name.endsWith('-shm') || !isReachable(name, kept, folder)) continue
    const target = path.join(to, path.relative(folder, name))
    mkdirSync(path.dirname(target), { recursive: true })
    writeFileSync(target, contentOf(life, loss, random))
  }
}

/** Whether every folder on the way to a file is there. */
function isReachable(name: string, kept: Map<string, FileLife>, folder: string): boolean {
  const parent = path.dirname(name)
  return parent === folder || (kept.has(parent) && isReachable(parent, kept, folder))
}

function namesAt(trace: Trace, at: number): { names: NameChange[]; syncs: Of<'sync'>[] } {
  const now = new Map<string, FileLife>()
  const names: NameChange[] = []
  const syncs: Of<'sync'>[] = []
  const change = (event: TraceEvent, name: string, apply: NameChange['apply']) => {
    apply(now)
    names.push({ event, folder: path.dirname(name), apply })
  }
  for (const event of trace.events) {
    if (event.start >= at) break
    if ((event.kind === 'create' || event.kind === 'folder') && !now.has(event.path)) {
      const life: FileLife = { isFolder: event.kind === 'folder', changes: [], syncs: [] }
      change(event, event.path, (all) => all.set(event.path, life))
    } else if (event.kind === 'remove') {
      change(event, event.path, (all) => all.delete(event.path))
    } else if (event.kind === 'rename') {
      const life = now.get(event.path)
      if (!life) throw new Error(`${event.path} is renamed and was never made`)
      change(event, event.path, (all) => {
        all.delete(event.path)
        all.set(event.to, life)
      })
    } else if (event.kind === 'write' || event.kind === 'truncate') {
      const life = now.get(event.path)
      if (!life) throw new Error(`${event.path} is written and was never made`)
      life.changes.push(event)
    } else if (event.kind === 'sync' && event.end < at) {
      if (!event.failed) syncs.push(event)
      now.get(event.path)?.syncs.push(event)
    }
  }
  return { names, syncs }
}

function contentOf({ changes, syncs }: FileLife, loss: Loss, random: Random): Buffer {
  const image = Buffer.alloc(
    Math.max(0, ...changes.map((change) => (change.kind === 'write' ? change.offset + change.data.length : 0))),
  )
  let size = 0
  for (const change of changes) {
    const sync = syncs.find(({ start }) => start > change.end)
    const isCertain = sync !== undefined && !sync.failed
    if (!isCertain && (loss === 'synced' || random.chance(0.5))) continue
    if (change.kind === 'write') {
      write(image, change, isCertain || loss !== 'torn' ? undefined : random)
      size = Math.max(size, change.offset + change.data.length)
    } else {
      image.fill(0, change.size)
      size = change.size
    }
  }
  return image.subarray(0, size)
}

/** @param torn when given, each sector is written or not */
function write(image: Buffer, { offset, data }: Of<'write'>, torn: Random | undefined): void {
  for (let from = 0; from < data.length; ) {
    const to = Math.min(data.length, from + sector - ((offset + from) % sector))
    if (!torn?.chance(0.5)) data.copy(image, offset + from, from, to)
    from = to
  }
}

/** The requests whose answers had begun to leave, and their statuses. */
export function answeredAt(trace: Trace, at: number): Map<string, number> {
  const answers = trace.events.filter((event) => event.kind === 'answer')
  return new Map(answers.filter(({ start }) => start < at).map(({ request, status }) => [request, status]))
}
