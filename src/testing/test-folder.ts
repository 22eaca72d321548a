import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const folders = new Set<string>()
let listens = false
const prefix = 'monobloc-test-'

// Longer than any run of tests; of a process that is gone, but may be one of another container.
const stale = 60 * 60 * 1000

/**
 * A folder for one database. What is not removed before is removed when the process exits; what a process left that was
 * killed (runners do that to their workers), by the first of a later run.
 */
export function makeFolder(): string {
  if (!listens) process.once('exit', () => folders.forEach(removeFolder))
  listens = true
  if (folders.size === 0) removeLeft()
  const folder = mkdtempSync(path.join(tmpdir(), `${prefix}${process.pid}-`))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  folders.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}

function removeLeft(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(prefix) && Number.parseInt(name.slice(prefix.length), 10)
    if (!owner || isAlive(owner)) continue
    const folder = path.join(tmpdir(), name)
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > stale) rmSync(folder, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
