import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'

/** A process that migrates. */
interface MigrationProcess {
  child: ChildProcess
  /** Resolves when it has said so, or has ended. */
  says(words: string): Promise<void>
  /** How many lines it has said. */
  lines(): number
  /** Resolves when it has said so many, or has ended. */
  saysLines(count: number): Promise<void>
  ended: Promise<{ code: number | null; err: string }>
}

/** @param database a file, or the URL of a server's */
export function runMigration(database: string, migrations: string, inParts = false): MigrationProcess {
  const script = path.join(import.meta.dirname, 'migrate-process.ts')
  const child = spawn(
    process.execPath,
    ['--conditions=source', script, database, migrations, inParts ? 'parts' : 'whole'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const ended = new Promise<{ code: number | null; err: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, err }))
  })
  const lines = () => out.split('\n').length - 1
  const until = async (isSo: () => boolean) => {
    const heard = new Promise<void>((resolve) => {
      const look = () => isSo() && resolve()
      child.stdout.on('data', look)
      look()
    })
    await Promise.race([heard, ended])
  }
  return {
    child,
    ended,
    lines,
    says: (words) => until(() => out.includes(words)),
    saysLines: (count) => until(() => lines() >= count),
  }
}
