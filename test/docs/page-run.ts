import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { runToEnd, Served } from './child-process.ts'
import { assertExpected } from './expected-output.ts'
import { exchange } from './http-block.ts'
import { PageDatabases } from './page-databases.ts'
import type { PagePlan, Step } from './page-plan.ts'
import { Shell } from './shell.ts'
import type { ShellCommand } from './shell-block.ts'

export interface PageOptions {
  /** Where the page's folders were written by `writePage`. */
  root: string
  /** The `monobloc` command, as arguments of node. */
  command: string[]
  /** Holds the commands that a page may call by name. */
  bin: string
}

export function writePage({ folders }: PagePlan, root: string): void {
  for (const [index, files] of folders.entries()) {
    for (const [file, text] of files) write(path.join(root, String(index), file), text)
  }
}

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  // A port said in code is stronger than PORT, and pages run beside each other.
  writeFileSync(file, text.replaceAll('.listen(3000)', '.listen(0)'))
}

/** Runs the blocks of a page in their order, and throws at the first that is not what the page says. */
export async function runPage(plan: PagePlan, options: PageOptions): Promise<void> {
  await using run = new PageRun(plan, options)
  for (const step of plan.steps) {
    try {
      await run.do(step)
    } catch (error) {
      throw new Error(`line ${step.line}: ${(error as Error).message}`, { cause: error })
    }
  }
  run.end()
}

/**
 * A block that shows an app starts nothing: the app starts when a later block first needs it, in place of the one before
 * it. `shown` is the app that has not been started; at the end of the page it must have been.
 */
class PageRun {
  private readonly plan: PagePlan
  private readonly options: PageOptions
  private readonly shell: Shell
  private readonly databases = new PageDatabases()
  private shown: (Step & { do: 'serve' }) | undefined
  private served: Served | undefined

  constructor(plan: PagePlan, options: PageOptions) {
    this.plan = plan
    this.options = options
    this.shell = new Shell({ cwd: options.root, env: this.environment(0) })
  }

  async do(step: Step): Promise<void> {
    if (step.do === 'serve') {
      this.assertNothingShown()
      this.shown = step
    } else if (step.do === 'run') {
      await this.runProgram(step)
    } else if (step.do === 'http') {
      for (const each of step.exchanges) await exchange(await this.origin(), each)
    } else {
      for (const command of step.commands) await this.runCommand(command, step.folder)
    }
  }

  end(): void {
    this.assertNothingShown()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shell.stop()
    await this.served?.stop()
    await this.databases[Symbol.asyncDispose]()
  }

  private async runProgram({ folder, file, output }: Step & { do: 'run' }): Promise<void> {
    const text = this.plan.folders[folder]!.get(file)!
    const real = await this.real(text)
    if (real !== text) write(path.join(this.folder(folder), file), real)
    const result = await runToEnd(process.execPath, ['--conditions=source', file], this.at(folder))
    if (result.code !== 0) throw new Error(`${file} ended with ${result.code}\n${result.stdout}${result.stderr}`)
    if (output) assertExpected(output, await this.asShown(result.stdout), `${file} printed something else`)
  }

  private async runCommand({ text, output, exitCode }: ShellCommand, folder: number): Promise<void> {
    if (this.isStart(text)) return void (await this.startAs(await this.databases.real(text), folder))
    const result = await this.shell.run(await this.real(text), this.folder(folder))
    if (result.code !== exitCode)
      throw new Error(`${text}\nended with ${result.code}\n${result.stdout}${result.stderr}`)
    if (output !== undefined) assertExpected(output, await this.asShown(result.stdout), text)
  }

  /** `monobloc dev app.ts` and `node server.ts` do not end: they are the server that later blocks talk to. */
  private isStart(command: string): boolean {
    return /^(\w+=\S+ )*(npx )?monobloc (dev|start)\b/.test(command) || command === `node ${this.shown?.file}`
  }

  private async startAs(command: string, folder: number): Promise<void> {
    const words = command.split(/\s+/)
    const at = words.findIndex((word) => /^(monobloc|node)$/.test(word))
    const settings = Object.fromEntries(
      words
        .slice(0, at)
        .filter((word) => word.includes('='))
        .map((word) => word.split('=', 2)),
    )
    const program = words[at] === 'node' ? ['--conditions=source'] : this.options.command
    await this.start([...program, ...words.slice(at + 1)], folder, settings)
  }

  private async start(args: string[], folder: number, settings: Record<string, string> = {}): Promise<Served> {
    await this.served?.stop()
    this.shown = undefined
    const { cwd, env } = this.at(folder)
    this.served = await Served.start(args, { cwd, env: { ...settings, ...env } })
    return this.served
  }

  private async origin(): Promise<string> {
    if (this.shown) {
      const { file, folder, by } = this.shown
      await this.start(by === 'node' ? ['--conditions=source', file] : [...this.options.command, 'start', file], folder)
    }
    if (!this.served) throw new Error('no block above shows an app that could answer')
    return this.served.origin
  }

  /** Pages say localhost:3000, and the server has a free port; databases have other names, too. */
  private async real(text: string): Promise<string> {
    const withDatabases = await this.databases.real(text)
    if (!text.includes('localhost:3000')) return withDatabases
    return withDatabases
      .replaceAll('http://localhost:3000', await this.origin())
      .replaceAll('localhost:3000', new URL(await this.origin()).host)
  }

  private async asShown(text: string): Promise<string> {
    const shown = await this.databases.shown(text)
    return this.served ? shown.replaceAll(new URL(this.served.origin).host, 'localhost:3000') : shown
  }

  private assertNothingShown(): void {
    if (this.shown)
      throw new Error(`the app at line ${this.shown.line} is not exercised: show a request and its answer`)
  }

  private folder(index: number): string {
    return path.join(this.options.root, String(index))
  }

  private at(folder: number) {
    return { cwd: this.folder(folder), env: this.environment(folder) }
  }

  private environment(folder: number): Record<string, string> {
    const { PATH, HOME, TMPDIR, LANG } = process.env
    return {
      ...Object.fromEntries(Object.entries({ HOME, TMPDIR, LANG }).filter(([, value]) => value)),
      PATH: [this.options.bin, path.dirname(process.execPath), PATH].join(path.delimiter),
      PORT: '0',
      // `monobloc start` runs in production, which makes none of its own.
      MONOBLOC_SECRET: 'a secret for the pages of the documentation',
      MONOBLOC_DATA: path.join(this.folder(folder), 'data'),
      NODE_COMPILE_CACHE: path.join(this.options.bin, 'compile-cache'),
      // Commands that a page shows run on the sources, too.
      NODE_OPTIONS: '--conditions=source',
      NO_COLOR: '1',
    }
  }
}
