import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('./peers/', import.meta.url))

/** Installs the peers into the folder of this comparison, once for each lockfile. None has an install script it needs. */
export function installJobPeers(say: (line: string) => void): void {
  const lock = readFileSync(`${folder}package-lock.json`, 'utf8')
  const stamp = `${folder}node_modules/.installed.json`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  say('Installing the peers.')
  // Not `npm ci`, which asks for the optional binaries of every platform in the lockfile.
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error']
  const { status, error } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} ended with ${status ?? error?.message}`)
  writeFileSync(stamp, lock)
}
