import type { Backend } from './backend-types.ts'
import type { SupervisedProcess } from './supervised-process.ts'

// Shared by every copy of this package in the process: the command looks here for apps that listen by themselves.
const programsKey = Symbol.for('monobloc.programs')

export interface Programs {
  /** Set by commands that look at an app without running it: `listen` then starts nothing. */
  inspecting: boolean
  /** Set by commands that say themselves where the app is. */
  quiet: boolean
  apps: Backend[]
  /** Set by `monobloc work`: the app runs without listening. */
  works?: boolean
  /** Set in a process that a supervisor has started. */
  supervised?: SupervisedProcess
}

export function programs(): Programs {
  const shared = globalThis as { [programsKey]?: Programs }
  return (shared[programsKey] ??= { inspecting: false, quiet: false, apps: [] })
}
