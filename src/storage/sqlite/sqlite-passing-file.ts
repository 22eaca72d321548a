// Files that a process makes beside another one and takes away again. Each has a name of its own, so that two that do the
// same at once do not meet, with the number of its process, so that what is left by one that was killed is known.
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'

/** Those of this process: another one of its number may have been before it, as the first of a container always is. */
const inUse = new Set<string>()

/** @param work with the path of a file that is not there yet. What it leaves there goes, and what lies beside it. */
export async function withPassingFile<T>(prefix: string, work: (file: string) => Promise<T>): Promise<T> {
  removeAbandoned(prefix)
  const file = `${prefix}${process.pid}-${randomBytes(4).toString('hex')}`
  inUse.add(file)
  try {
    return await work(file)
  } finally {
    inUse.delete(file)
    removeAbandoned(prefix)
  }
}

export function removeAbandoned(prefix: string): void {
  const folder = path.dirname(prefix)
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name)
    if (file.startsWith(prefix) && isAbandoned(file, prefix)) rmSync(file, { force: true })
  }
}

function isAbandoned(file: string, prefix: string): boolean {
  const [own, pid] = /^(\d+)-[0-9a-f]{8}/.exec(file.slice(prefix.length)) ?? []
  if (own === undefined) return false
  return Number(pid) === process.pid ? !inUse.has(prefix + own) : !isRunning(Number(pid))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
