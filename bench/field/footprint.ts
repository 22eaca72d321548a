import { spawnSync } from 'node:child_process'
import { globSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer } from './peers.ts'

export interface Footprint {
  packages: number
  mebibytes: number
}

const folder = fileURLToPath(new URL('./peers/', import.meta.url))
const root = path.join(folder, '../../..')

/** What a fresh install of a peer puts into an empty folder, at the versions of the comparison. */
export function footprintOf({ packages }: Peer): Footprint | undefined {
  if (packages === undefined) return undefined
  const { dependencies, overrides } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const place = mkdtempSync(path.join(tmpdir(), 'monobloc-footprint-'))
  try {
    const wanted = Object.fromEntries(
      packages.map((name) => [name, name === 'monobloc' ? packed(place) : dependencies[name]]),
    )
    writeFileSync(path.join(place, 'package.json'), JSON.stringify({ private: true, dependencies: wanted, overrides }))
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'], place)
    const modules = path.join(place, 'node_modules')
    const manifests = globSync(['**/node_modules/*/package.json', '**/node_modules/@*/*/package.json'], { cwd: place })
    const bytes = globSync('**/*', { cwd: modules }).reduce((sum, file) => {
      const stat = lstatSync(path.join(modules, file))
      return stat.isFile() ? sum + stat.size : sum
    }, 0)
    return { packages: manifests.length, mebibytes: Math.round((bytes / 2 ** 20) * 10) / 10 }
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function packed(place: string): string {
  const { stdout } = run('npm', ['pack', '--silent', '--pack-destination', place], root)
  return `file:${path.join(place, stdout.trim().split('\n').at(-1)!)}`
}

function run(command: string, args: string[], cwd: string): { stdout: string } {
  const { status, stdout } = spawnSync(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
  return { stdout }
}
