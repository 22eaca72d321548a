// What a run must not leave behind, however it ends: servers, mounts, and the files of a campaign, which may be large.
// Only SIGKILL leaves the files; the servers end then, too (see trace.ts).
import { constants } from 'node:os'

const cleanings = new Set<() => void>()
let isWatching = false

/** Does it when the process ends, by a signal too: what was begun last comes first. @returns takes it back */
export function atEnd(clean: () => void): () => void {
  watch()
  cleanings.add(clean)
  return () => void cleanings.delete(clean)
}

function watch(): void {
  if (isWatching) return
  isWatching = true
  process.on('exit', cleanAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(128 + constants.signals[signal]))
}

function cleanAll(): void {
  for (const clean of [...cleanings].reverse()) {
    try {
      clean()
    } catch (error) {
      console.error(error)
    }
  }
}
