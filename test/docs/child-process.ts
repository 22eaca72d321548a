import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Nothing that a page shows takes longer; what does, hangs. */
export const deadlineMilliseconds = 30_000

export interface RunOptions {
  cwd: string
  env: NodeJS.ProcessEnv
  /** In milliseconds. */
  deadline?: number
}

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

export async function runToEnd(command: string, args: string[], options: RunOptions): Promise<Finished> {
  const child = spawn(command, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.deadline ?? deadlineMilliseconds,
  })
  const output = collect(child)
  const [code] = await once(child, 'close')
  return { code, ...output }
}

/** A server that a page starts. Its address is the first one that it prints. */
export class Served {
  readonly origin: string
  private readonly child: ChildProcess

  private constructor(origin: string, child: ChildProcess) {
    this.origin = origin
    this.child = child
  }

  static async start(args: string[], options: RunOptions): Promise<Served> {
    const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = collect(child)
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const look = () => {
      const port = /https?:\/\/(?:localhost|127\.0\.0\.1|\[::1?\]|0\.0\.0\.0):(\d+)/.exec(
        output.stdout + output.stderr,
      )?.[1]
      if (port) resolve(`http://localhost:${port}`)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    const fail = (why: string) => reject(new Error(`${args.join(' ')} ${why}\n${output.stdout}${output.stderr}`))
    child.on('close', (code) => fail(`ended with ${code} before it printed an address`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('printed no address')
    }, deadlineMilliseconds)
    return new Served(await promise.finally(() => clearTimeout(timer)), child)
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    this.child.kill('SIGTERM')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), deadlineMilliseconds)
    await once(this.child, 'close')
    clearTimeout(timer)
  }
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (chunk) => (output[name] += chunk))
  }
  return output
}
