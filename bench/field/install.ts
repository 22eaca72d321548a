import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('./peers/', import.meta.url))
const root = path.join(folder, '../../..')
const stamp = path.join(folder, 'build/installed.json')

/** Installs the peers into the folder of this comparison, and compiles what Node can't run as it is. Once per lockfile. */
export function installPeers(say: (line: string) => void): void {
  // What people install is what is measured.
  if (!existsSync(path.join(root, 'dist/index.js'))) throw new Error('There is no built package: npm run build')
  const lock = readFileSync(path.join(folder, 'package-lock.json'), 'utf8')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  say('Installing the peers.')
  // Their install scripts are not needed: better-sqlite3 carries its binary.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'])
  say('Compiling what has decorators, and the client of Prisma.')
  run(path.join(root, 'node_modules/.bin/tsc'), ['-p', '.'])
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
