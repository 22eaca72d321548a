// One `monobloc dev`: runs the app in a child process and runs it again after each change.
//
// States: starting → serving; any → crashed (the child ended by itself) → starting (a change); any → ending (a signal).
// A change while starting or serving ends the child and starts the next. Ending a child abruptly can lose nothing that
// was acknowledged, so it gets a short time to stop and is killed after it.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { environmentFiles, painter, sessionSecret } from '../runtime/index.ts'
import type { Terminal } from './command.ts'
import type { ChildMessage } from './dev-child.ts'
import { type Outline, type OutlineChange, outlineChanges } from './dev-outline.ts'
import { type SourceWatcher, watchSources } from './dev-watch.ts'

export interface DevOptions {
  /** The app's file, absolute. */
  file: string
  /** The data folder, absolute: what is written there restarts nothing. */
  data: string
  /** Whether what it says is JSON, a line each: `{ time, level, message }`, as the app's log is. */
  json: boolean
  terminal: Terminal
  environment: NodeJS.ProcessEnv
}

// Open connections of a browser or a stuck handler must not make a restart slow.
const stopTime = 300

// What fits a screen; a checkout of another branch changes hundreds.
const mostChanges = 25

export class DevSession {
  readonly #options: DevOptions
  readonly #environment: NodeJS.ProcessEnv
  readonly #done = Promise.withResolvers<number>()
  #watcher: SourceWatcher | undefined
  #child: ChildProcess | undefined
  #restarting = false
  #ending = false
  #served = false
  #changedAt: number | undefined
  /** Of the last run that served. */
  #outline: Outline | undefined

  constructor(options: DevOptions) {
    this.#options = options
    this.#environment = {
      // Types are stripped and code is compiled once for each content, which halves the time of a restart.
      NODE_COMPILE_CACHE: compileCache(path.dirname(options.file)),
      ...options.environment,
      // One secret for the session: a restart must not sign everyone out. It is weaker than any that is set.
      [sessionSecret]: randomBytes(32).toString('base64url'),
    }
  }

  /** @returns the exit code, when a signal has ended it */
  run(): Promise<number> {
    const { file, data, terminal } = this.#options
    const mode = this.#environment.NODE_ENV === 'test' ? 'test' : 'development'
    this.#watcher = watchSources({
      folder: path.dirname(file),
      files: environmentFiles(mode).map((name) => path.join(terminal.folder, name)),
      ignore: [data],
      onChange: (changed) => this.#restart(changed),
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.#onSignal)
    this.#start()
    return this.#done.promise
  }

  #start(): void {
    const { file, terminal } = this.#options
    const entry = new URL('./dev-child.ts', import.meta.url)
    const args = [fileURLToPath(entry), file, terminal.folder, this.#served ? 'again' : 'first']
    const child = spawn(process.execPath, [...process.execArgv, ...args], {
      env: this.#environment,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    this.#restarting = false
    child.on('message', (message) => this.#onMessage(message as ChildMessage))
    child.on('exit', (code, signal) => this.#onExit(child, code, signal))
    child.on('error', (error) => this.#say('red', `The app did not start: ${error.message}`))
  }

  #restart(changed: string): void {
    if (this.#ending) return
    this.#changedAt ??= performance.now()
    this.#say('dim', `${path.relative(this.#options.terminal.folder, changed)} changed: starting again`)
    const child = this.#child
    if (!child) this.#start()
    else if (!this.#restarting) {
      this.#restarting = true
      if (child.connected) child.send('stop', () => {})
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTime)
      child.once('exit', () => clearTimeout(timer))
    }
  }

  #onMessage(message: ChildMessage): void {
    if (message.type === 'loaded') {
      this.#watcher?.add(message.files)
      return
    }
    // Any free port the first time, the same one from then on.
    if (message.askedFor === 0) this.#environment.PORT = String(message.port)
    if (this.#served) {
      const took = this.#changedAt === undefined ? '' : ` after ${Math.round(performance.now() - this.#changedAt)} ms`
      this.#say('dim', `serving again at ${message.url}/${took}`)
    }
    this.#served = true
    if (this.#outline) this.#tellChanges(outlineChanges(this.#outline, message.outline))
    this.#outline = message.outline
    this.#changedAt = undefined
  }

  /** What the change was about: the routes and the tables that are not what they were. */
  #tellChanges(changes: readonly OutlineChange[]): void {
    if (changes.length === 0) return
    const { json, terminal } = this.#options
    if (json) {
      this.#say('dim', 'what changed', { changes })
      return
    }
    const paint = painter(terminal.colour)
    const styles = { '+': 'green', '-': 'red', '~': 'yellow' } as const
    const width = Math.max(...changes.map(({ name }) => name.length))
    const lines = changes.slice(0, mostChanges).map(({ part, sign, name, text }) => {
      return `  ${part}  ${paint(styles[sign], `${sign} ${name.padEnd(width)}`)}  ${paint('dim', text)}\n`
    })
    const more = changes.length - lines.length
    terminal.err(lines.join('') + (more > 0 ? `  … and ${more} more\n` : ''))
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (child !== this.#child) return
    this.#child = undefined
    if (this.#ending) this.#end(signal ? 128 + constants.signals[signal] : (code ?? 1))
    else if (this.#restarting) this.#start()
    else {
      this.#changedAt = undefined
      this.#say('yellow', `The app ended (${signal ?? `exit code ${code}`}); waiting for a change`)
    }
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#ending = true
    this.#watcher?.close()
    if (this.#child) this.#child.kill(signal)
    else this.#end(0)
  }

  #end(code: number): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#onSignal)
    this.#done.resolve(code)
  }

  #say(style: 'dim' | 'yellow' | 'red', text: string, fields: object = {}): void {
    const { json, terminal } = this.#options
    const level = { dim: 'info', yellow: 'warn', red: 'error' }[style]
    const line = { time: new Date().toISOString(), level, message: text, ...fields }
    terminal.err(`${json ? JSON.stringify(line) : painter(terminal.colour)(style, text)}\n`)
  }
}

/** In the nearest node_modules, where only who may change the code can change what was compiled from it. */
function compileCache(folder: string): string | undefined {
  const modules = path.join(folder, 'node_modules')
  if (existsSync(modules)) return path.join(modules, '.cache', 'monobloc')
  const above = path.dirname(folder)
  return above === folder ? undefined : compileCache(above)
}
