import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('./peers/', import.meta.url))
const root = path.join(folder, '../../..')
const stamp = path.join(folder, 'build/installed.json')

/**
 * Installs the peers into the folder of this comparison, once per lockfile, and compiles everybody: what is deployed is
 * JavaScript, and to strip types takes a process that starts time and memory.
 */
export function installPeers(say: (line: string) => void): void {
  // What people install is what is measured.
  if (!existsSync(path.join(root, 'dist/index.js'))) throw new Error('There is no built package: npm run build')
  const lock = readFileSync(path.join(folder, 'package-lock.json'), 'utf8')
  const isInstalled = existsSync(stamp) && existsSync(path.join(folder, 'node_modules'))
  if (!isInstalled || readFileSync(stamp, 'utf8') !== lock) install(lock, say)
  say('Compiling.')
  for (const project of ['.', '..']) run(path.join(root, 'node_modules/.bin/tsc'), ['-p', project])
}

function install(lock: string, say: (line: string) => void): void {
  say('Installing the peers.')
  // Their install scripts are not needed: better-sqlite3 carries its binary.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'])
  say('Making the client of Prisma.')
  // Making the client needs no schema engine, which Prisma would fetch from the network first.
  run(path.join(folder, 'node_modules/.bin/prisma'), ['generate', '--schema', 'schema.prisma'], {
    PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
  })
  writeFileSync(stamp, lock)
}

function run(command: string, args: string[], environment: Record<string, string> = {}): void {
  const bin = path.join(root, 'node_modules/.bin')
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...environment }
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], env })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? error?.message}`)
}
