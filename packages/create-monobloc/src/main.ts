import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'
import { help, readArguments, type Wishes } from './arguments.ts'
import { obstacle, scaffold } from './scaffold.ts'

// After sysexits.h, as the monobloc command has them.
const exitCodes = { ok: 0, failure: 1, usage: 64, cantCreate: 73, interrupted: 130 } as const

const own = JSON.parse(readFileSync(path.join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }
const manager = /^(pnpm|yarn)\//.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? 'npm'
const colour = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
const bold = (text: string) => (colour ? styleText('bold', text, { validateStream: false }) : text)

interface Plan {
  folder: string
  install: boolean
  git: boolean
}

async function main(args: string[]): Promise<number> {
  const line = readArguments(args)
  switch (line.kind) {
    case 'help':
      process.stdout.write(help)
      return exitCodes.ok
    case 'version':
      process.stdout.write(`${own.version}\n`)
      return exitCodes.ok
    case 'wrong':
      process.stderr.write(`${line.problem}\nSee: npm create monobloc -- --help\n`)
      return exitCodes.usage
    case 'create':
      return create(await plan(line.wishes), line.wishes.monobloc)
  }
}

/** Asks for what is not said, on a terminal; elsewhere there are defaults. */
async function plan({ folder, install, git, yes }: Wishes): Promise<Plan> {
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) {
    return { folder: folder ?? 'my-app', install: install ?? true, git: git ?? true }
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl+C and Ctrl+D: nothing is made yet.
  terminal.once('SIGINT', () => process.exit(exitCodes.interrupted))
  terminal.once('close', () => asking && process.exit(exitCodes.interrupted))
  let asking = true
  const agree = async (question: string) => !/^n/i.test((await terminal.question(`${question} (Y/n) `)).trim())
  try {
    return {
      folder: folder ?? ((await terminal.question('Which folder? (my-app) ')).trim() || 'my-app'),
      install: install ?? (await agree(`Install the dependencies with ${manager}?`)),
      git: git ?? (await agree('Make a git repository?')),
    }
  } finally {
    asking = false
    terminal.close()
  }
}

function create({ folder, install, git }: Plan, monobloc: string | undefined): number {
  const target = path.resolve(folder)
  const inTheWay = obstacle(target)
  if (inTheWay) {
    process.stderr.write(`${inTheWay}\n`)
    return exitCodes.cantCreate
  }
  const files = scaffold(target, wanted(monobloc))
  process.stdout.write(`${bold(path.basename(target))} is there: ${files.length} files in ${target}\n`)
  if (git) makeRepository(target)
  const installed = install && run(manager, ['install'], target)
  if (install && !installed) process.stderr.write(`${manager} install failed; run it again in ${target}.\n`)
  process.stdout.write(nextSteps(path.relative(process.cwd(), target), installed))
  return install && !installed ? exitCodes.failure : exitCodes.ok
}

/** A tarball is named from the working folder, which is not the app's. */
function wanted(monobloc: string | undefined): string {
  if (monobloc === undefined) return `^${own.version}`
  return existsSync(monobloc) ? `file:${path.resolve(monobloc)}` : monobloc
}

function makeRepository(target: string): void {
  const inside = spawnSync('git', ['rev-parse', '--is-inside-work-tree'], { cwd: target, stdio: 'ignore' })
  // Without git, or inside a repository already, there is nothing to make.
  if (inside.error || inside.status === 0) return
  spawnSync('git', ['init', '--quiet'], { cwd: target, stdio: 'ignore' })
}

function run(command: string, args: string[], cwd: string): boolean {
  return spawnSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
}

function nextSteps(folder: string, installed: boolean): string {
  const steps = [...(folder ? [`cd ${folder}`] : []), ...(installed ? [] : [`${manager} install`])]
  return `\nNext:\n\n${[...steps, `${manager} run dev`].map((step) => `  ${step}\n`).join('')}\n`
}

process.exitCode = await main(process.argv.slice(2))
