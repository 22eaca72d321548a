import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, setPriority } from 'node:os'

/** Servers run on core 0 and the load generator on core 1, where there are two cores and `taskset`. */
export const pinning = pinningHere()

function pinningHere(): { possible: true } | { possible: false; why: string } {
  if (availableParallelism() < 2) return { possible: false, why: 'there is one core' }
  if (spawnSync('taskset', ['-c', '0', 'true']).status !== 0) return { possible: false, why: '`taskset` is missing' }
  return { possible: true }
}

// Three times the weight of what runs at 0: enough to be measured, not enough to stop everything else.
const raised = -5

export interface ChildOptions {
  /** Undefined: wherever the system puts it. */
  core?: number
  environment?: Record<string, string>
  /** Arguments of Node before the file. Default: those that make `monobloc` the sources. */
  nodeOptions?: string[]
}

/** A Node of the version that runs this, with a message channel, which ends when this process does. */
export function startChild(file: string, args: string[], options: ChildOptions = {}): ChildProcess {
  const { core, nodeOptions = ['--conditions=source'] } = options
  const command = [process.execPath, ...nodeOptions, file, ...args]
  const pinned = core !== undefined && pinning.possible ? ['taskset', '-c', String(core), ...command] : command
  const child = spawn(pinned[0]!, pinned.slice(1), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', ...options.environment },
  })
  preferProcess(child.pid!)
  return child
}

/** The next message of a child. @throws Error when it ends without one */
export function nextMessage<T>(child: ChildProcess, who: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) =>
      reject(new Error(`${who} ended with ${signal ?? code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as T)
    })
  })
}

/** Tells a child to end, and waits for it. One that takes more than 10 seconds is killed. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const killing = setTimeout(() => child.kill('SIGKILL'), 10_000)
  child.kill('SIGTERM')
  await ended
  clearTimeout(killing)
}

/**
 * Before other programs of the machine, where the system lets us: servers and load generator alike. Linux weighs whole
 * terminal sessions first (autogroup) and processes within them second, so both are said.
 */
function preferProcess(pid: number): void {
  try {
    setPriority(pid, raised)
    writeFileSync(`/proc/${pid}/autogroup`, String(raised))
  } catch {
    // Not allowed to this user, or another system.
  }
}
