// The process that `monobloc dev` starts for each run of the app. It tells its parent what it has loaded and where it
// listens, ends when it is told to, and stops when the parent is gone.
import { flushCompileCache, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { exitCodeOf, programs, startFailure, wantsColour } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import { shortRouteTable } from './command-routes.ts'
import { type Outline, outlineOf } from './dev-outline.ts'

export type ChildMessage =
  | { type: 'loaded'; files: string[] }
  | { type: 'listening'; url: string; port: number; askedFor: number; outline: Outline }

const [file, folder, run] = process.argv.slice(2) as [string, string, 'first' | 'again']
const loaded = new Set<string>()

registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) loaded.add(fileURLToPath(url))
    return next(url, context)
  },
})

// Ten calls, V8's default, are our own: the line of the app that made the first of them comes after.
Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 30)

const tell = (message: ChildMessage) => process.connected && process.send!(message)

async function stop(): Promise<void> {
  await Promise.allSettled(programs().apps.map((app) => app.stop()))
  process.exit(0)
}

// To be started again: at once. What was acknowledged is on disk, and a request that is cut is sent again by who reloads.
process.on('message', (message) => message === 'stop' && process.exit(0))
process.on('disconnect', () => void stop())

// A restart is told by the parent, in a line.
programs().quiet = run === 'again'

try {
  const { app, listens } = await loadApp(file, folder, process.env.NODE_ENV === 'test' ? 'test' : 'development')
  tell({ type: 'loaded', files: [...loaded] })
  // A file that listens by itself may not have waited for it; the start under way is the same one.
  await (listens ? app.start() : app.listen())
  const { url, port, askedFor } = app.address!
  const json = process.env.MONOBLOC_LOG_FORMAT === 'json'
  if (run === 'first' && !json) process.stdout.write(`${shortRouteTable(app.routes(), wantsColour())}\n`)
  tell({ type: 'listening', url, port, askedFor, outline: outlineOf(app) })
  // Written at exit otherwise, which a kill would skip.
  flushCompileCache()
} catch (error) {
  tell({ type: 'loaded', files: [...loaded] })
  process.stderr.write(startFailure(error, wantsColour(process.stderr)))
  process.exit(exitCodeOf(error))
}
