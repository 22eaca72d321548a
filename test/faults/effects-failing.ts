// A process whose disk fails it, once or for some time, where strace lets its nth calls fail.
import { readFileSync } from 'node:fs'

export interface FailingDisk {
  what: 'fsync:fails' | 'disk:full'
  nth: number
  /** Where strace writes. */
  file: string
  database: string
}

/** The command under which it runs. */
export function underFailing({ what, nth, file, database }: FailingDisk): string[] {
  const calls = what === 'disk:full' ? 'pwrite64' : 'fsync,fdatasync'
  // Space comes back after some pages.
  const inject = what === 'disk:full' ? `error=ENOSPC:when=${nth * 3}..${nth * 8}` : `error=EIO:when=${nth}`
  // That SQLite makes nothing of a folder whose sync fails is for another campaign (`fsync`).
  const files = [database, `${database}-wal`].flatMap((name) => ['-P', name])
  const options = ['-D', '-f', '--seccomp-bpf', '-qq', '-o', file, ...files]
  const failing = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${inject}`]
  return ['setpriv', '--pdeathsig', 'KILL', '--', 'strace', ...options, ...failing]
}

export function hasFailed({ file }: FailingDisk): boolean {
  try {
    return readFileSync(file, 'latin1').includes('(INJECTED)')
  } catch {
    return false
  }
}

/** How a process met its end; no port: before it served. */
export interface End {
  /** By itself, and not because it was killed. */
  isOwn: boolean
  code: number | null
  port: number | undefined
}

/** What is wrong with the end of a process whose disk has failed it. */
export function wrongEnd({ what }: FailingDisk, { isOwn, code, port }: End): string | undefined {
  if (what === 'fsync:fails')
    return isOwn && code === 74
      ? undefined
      : `a process ${isOwn ? `ended with ${code}` : 'went on'} after a failed sync`
  // Where nothing can be written, none starts. (SQLite calls it an I/O error where its shared memory has no room.)
  const isRight = !isOwn || (port === undefined && (code === 69 || code === 74))
  return isRight ? undefined : `a process ended with ${code} because the disk was full`
}
