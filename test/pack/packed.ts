import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runToEnd } from '../docs/child-process.ts'

export const repository = path.join(import.meta.dirname, '../..')

/** Of a machine with this Node and its npm, and nothing else of ours. */
export const env: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_OPTIONS: '',
  // What a test run says of itself must not reach the apps.
  NODE_ENV: undefined,
  VITEST: undefined,
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
  PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
}

export interface Packed {
  /** Where everything is; gone after `remove`. */
  temporary: string
  /** The repository from which it was packed. */
  copy: string
  /** The tarballs. */
  monobloc: string
  create: string
  remove(): void
}

const parts = [
  'src',
  'bin',
  'scripts',
  'tools',
  'packages',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
]

/** Packs both packages from a copy, because packing rewrites package.json. */
export async function pack(): Promise<Packed> {
  const temporary = mkdtempSync(path.join(tmpdir(), 'monobloc-pack-'))
  const copy = path.join(temporary, 'repository')
  for (const part of parts) cpSync(path.join(repository, part), path.join(copy, part), { recursive: true })
  symlinkSync(path.join(repository, 'node_modules'), path.join(copy, 'node_modules'))
  // Packing the first builds both.
  const monobloc = await tarball(copy)
  const create = await tarball(path.join(copy, 'packages/create-monobloc'))
  return { temporary, copy, monobloc, create, remove: () => rmSync(temporary, { recursive: true, force: true }) }
}

async function tarball(folder: string): Promise<string> {
  const packed = await npm(folder, 'pack', '--json')
  return path.join(folder, JSON.parse(packed.slice(packed.indexOf('[\n')))[0].filename)
}

/** A new folder with this package in its node_modules. */
export async function install({ temporary }: Packed, name: string, tarball: string): Promise<string> {
  const folder = path.join(temporary, name)
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  await npm(folder, 'install', tarball)
  return folder
}

/** @returns what it has written to standard output */
export async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd('npm', args, { cwd, env, deadline: 170_000 })
  if (code !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}
