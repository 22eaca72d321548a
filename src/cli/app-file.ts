import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { MonoblocError } from '../errors.ts'

/** Where an app is looked for when nobody says, in this order. */
export const usualFiles = [
  'app.ts',
  'src/app.ts',
  'app.mts',
  'src/app.mts',
  'app.js',
  'src/app.js',
  'app.mjs',
  'src/app.mjs',
]

/**
 * The absolute path of the app's file.
 *
 * @throws MonoblocError `app_not_found`
 */
export function findAppFile(argument: string | undefined, folder: string): string {
  if (argument !== undefined) return existing(argument, folder) ?? notFound(`${argument} is not a file in ${folder}.`)
  const { monobloc, main } = readManifest(folder)
  if (monobloc?.app !== undefined) {
    return (
      existing(monobloc.app, folder) ?? notFound(`package.json says that it is ${monobloc.app}, which is not there.`)
    )
  }
  const found = [main, ...usualFiles].map((file) => existing(file, folder)).find((file) => file !== undefined)
  return found ?? notFound(`${folder} has none of ${usualFiles.join(', ')}.`)
}

function existing(file: unknown, folder: string): string | undefined {
  if (typeof file !== 'string') return undefined
  const full = path.resolve(folder, file)
  return existsSync(full) && statSync(full).isFile() ? full : undefined
}

function readManifest(folder: string): { monobloc?: { app?: unknown }; main?: unknown } {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) ?? {}
  } catch {
    return {}
  }
}

function notFound(detail: string): never {
  throw new MonoblocError('app_not_found', { detail })
}
