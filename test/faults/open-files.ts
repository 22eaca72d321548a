import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * Waits until no process has a file open any more: those that a killed server had started must end with it.
 *
 * @returns the processes that still have it after the time; none where the system does not tell
 */
export async function holdersOf(file: string, milliseconds: number): Promise<string[]> {
  const until = performance.now() + milliseconds
  for (;;) {
    const holders = holdersNow(file)
    if (holders.length === 0 || performance.now() > until) return holders
    await wait(10)
  }
}

function holdersNow(file: string): string[] {
  const processes = list('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
  return processes.filter((id) => list(`/proc/${id}/fd`).some((handle) => target(`/proc/${id}/fd/${handle}`) === file))
}

// Processes end while one looks.
function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function target(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}
