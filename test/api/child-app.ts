import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

const root = path.join(import.meta.dirname, '../..')

/** The package's door, for files outside of the package. */
export const door = path.join(root, 'src/index.ts')
export const command = path.join(root, 'src/cli/main.ts')

/** A folder with these files, gone after the test. */
export function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'monobloc-app-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  return folder
}

export interface ChildOptions {
  folder: string
  /** Beside PATH. NODE_ENV and what the test run has set do not get through. */
  env?: Record<string, string>
  /** All of standard input. Default: none. */
  input?: string
}

/** A real process and what it has written. Killed after the test if it still runs. */
export class Child {
  readonly process: ChildProcess
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  out = ''
  err = ''
  /** Both, in the order in which they came. */
  text = ''
  readonly #listeners = new Set<() => void>()

  constructor(args: string[], { folder, env = {}, input }: ChildOptions) {
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    this.process = spawn(process.execPath, ['--conditions=source', ...args], {
      cwd: folder,
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    if (input !== undefined) this.process.stdin!.end(input)
    this.process.stdout!.setEncoding('utf8').on('data', (text) => this.#heard('out', text))
    this.process.stderr!.setEncoding('utf8').on('data', (text) => this.#heard('err', text))
    this.exit = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        resolve({ code, signal })
        for (const listener of this.#listeners) listener()
      })
    })
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  /** Waits until all that it has written since `from` matches. Fails when it ends before that. */
  async says(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text.slice(from))
      if (match) return match
      const { exitCode, signalCode } = this.process
      if (this.process.stdout!.closed && (exitCode !== null || signalCode !== null)) {
        throw new Error(`It ended (${exitCode ?? signalCode}) without saying ${pattern}:\n${this.text}`)
      }
      await new Promise<void>((resolve) => {
        const listener = () => {
          this.#listeners.delete(listener)
          resolve()
        }
        this.#listeners.add(listener)
      })
    }
  }

  /** The address that it prints. */
  async url(): Promise<string> {
    return (await this.says(/is ready at (http:\/\/[^/\s]+)\//))[1]!
  }

  #heard(stream: 'out' | 'err', text: string): void {
    this[stream] += text
    this.text += text
    for (const listener of this.#listeners) listener()
  }
}

/** An app that says where it is and serves what `serve` says; what is before it may be anything. */
export function appSource(serve: string, options = '', before = ''): string {
  return `
    import { setTimeout as wait } from 'node:timers/promises'
    import { backend, define, endpoint, model, t } from ${JSON.stringify(door)}
    ${before}
    export default backend({ name: 'sample', serve: [${serve}], ${options} })`
}

/** An app that listens by itself, as `node app.ts` runs it. */
export function programSource(serve: string, options = '', before = ''): string {
  return `${appSource(serve, options, before).replace('export default backend', 'const app = backend')}
    await app.listen()`
}

export const hello = `endpoint('GET /hello', { handle: () => ({ hello: 'world' }) })`

/** An app with users, which signs tokens: what it declares, and what it serves. */
export const users = {
  before: `const User = model('user', { id: t.id(), name: t.text() })
    const users = define({ models: { User }, user: User })`,
  serve: `users.endpoint('GET /me', { handle: ({ user }) => ({ name: user.name }) })`,
}
