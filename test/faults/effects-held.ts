// A process that strace holds right before or right after its nth sync, so that it can be killed there: inside COMMIT.
import { readFileSync } from 'node:fs'

/** Microseconds: it is killed long before. */
const held = 60_000_000

export interface HeldSync {
  /** Where strace writes. */
  file: string
  at: 'before' | 'after'
  nth: number
}

/** The command under which it runs. */
export function heldAtSync({ file, at, nth }: HeldSync): string[] {
  const inject = `inject=fsync,fdatasync:delay_${at === 'before' ? 'enter' : 'exit'}=${held}:when=${nth}`
  const options = ['-D', '-f', '--seccomp-bpf', '-qq', '-o', file, '-e', 'trace=fsync,fdatasync', '-e', inject]
  return ['setpriv', '--pdeathsig', 'KILL', '--', 'strace', ...options]
}

/** A call is written down in part when it begins, and that it is delayed when it has returned. */
export function isHeld({ file, at, nth }: HeldSync): boolean {
  const text = readOrNothing(file)
  return at === 'after' ? text.includes('(DELAYED)') : text.split('sync(').length > nth
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
