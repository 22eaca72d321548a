import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { deadlineMilliseconds, type Finished, type RunOptions } from './child-process.ts'

/** One bash for a page, so that a variable set in one block is there in the next. */
export class Shell {
  private readonly bash: ChildProcessWithoutNullStreams
  private stdout = ''
  private stderr = ''
  private readonly ended: Promise<unknown>

  constructor(options: RunOptions) {
    this.bash = spawn('bash', ['--noprofile', '--norc'], { ...options, stdio: 'pipe' })
    this.ended = once(this.bash, 'exit')
    this.bash.stdout.setEncoding('utf8').on('data', (chunk) => (this.stdout += chunk))
    this.bash.stderr.setEncoding('utf8').on('data', (chunk) => (this.stderr += chunk))
  }

  /** Runs one command to its end. It reads nothing: what follows on bash's own input are the next commands. */
  async run(command: string, cwd: string): Promise<Finished> {
    this.stdout = ''
    this.stderr = ''
    const late = AbortSignal.timeout(deadlineMilliseconds)
    this.bash.stdin.write(`cd '${cwd}'\n{ ${command}\n} </dev/null\nprintf '\\001%s\\002' "$?"\n`)
    for (;;) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what no command prints marks the end of one
      const end = /\x01(\d+)\x02$/.exec(this.stdout)
      if (end) return { code: Number(end[1]), stdout: this.stdout.slice(0, end.index), stderr: this.stderr }
      if (this.bash.exitCode !== null) throw new Error(`${command}: the shell ended\n${this.stderr}`)
      if (late.aborted) throw new Error(`${command}: does not end\n${this.stdout}${this.stderr}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = () => resolve()
      this.bash.stdout.once('data', wake)
      late.addEventListener('abort', wake, { once: true })
      await Promise.race([promise, this.ended])
    }
  }

  stop(): void {
    this.bash.kill('SIGKILL')
  }
}
