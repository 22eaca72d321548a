import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Linux counts processor time in these: USER_HZ has been 100 on every architecture for decades. */
const ticksPerSecond = 100
const pageBytes = 4096

/** Elsewhere than on Linux nothing says what a process used. */
export const hasProcessUsage = existsSync('/proc/self/stat')

/** A process and its children, theirs included. */
export interface Usage {
  /** Seconds of processor time, in user mode and in the kernel, of all threads. */
  cpu: number
  /** Bytes of memory that are resident. */
  resident: number
}

export function usageOf(pid: number): Usage {
  const total = { cpu: 0, resident: 0 }
  if (hasProcessUsage) addUsage(pid, total)
  return total
}

/** Seconds of processor time that the whole machine used since it started. */
export function machineCpu(): number {
  if (!hasProcessUsage) return 0
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'latin1').split(/\s+/, 9).map(Number)
  return (user! + nice! + system! + irq! + softirq!) / ticksPerSecond
}

function addUsage(pid: number, total: Usage): void {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, in parentheses, may hold anything: the fields are counted from behind it.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [user, system, waitedUser, waitedSystem] = fields.slice(11, 15)
    total.cpu += (user! + system! + waitedUser! + waitedSystem!) / ticksPerSecond
    total.resident += fields[21]! * pageBytes
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')
      for (const child of children.split(' ').filter(Boolean)) addUsage(Number(child), total)
    }
  } catch (error) {
    // A child or a thread that ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH')
      throw error
  }
}
