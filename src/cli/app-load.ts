import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { MonoblocError } from '../errors.ts'
import { type Backend, backendMark, exportEnvironment, type Mode, programs, readEnvironment } from '../runtime/index.ts'
import { findAppFile } from './app-file.ts'

export interface LoadedApp {
  app: Backend
  file: string
  /** The file has called `listen` itself. */
  listens: boolean
}

/**
 * Sets the mode, lets the app's code see the `.env` files, and imports it.
 *
 * @throws MonoblocError `app_not_found`, `app_invalid`, or what the app's own code throws
 */
export async function loadApp(argument: string | undefined, folder: string, mode: Mode): Promise<LoadedApp> {
  const file = findAppFile(argument, folder)
  process.env.NODE_ENV = mode
  exportEnvironment(readEnvironment(folder, mode, process.env))
  const { default: exported } = (await import(pathToFileURL(file).href)) as { default?: unknown }
  const { apps } = programs()
  const app = isBackend(exported) ? exported : apps.at(-1)
  if (!app) throw new MonoblocError('app_invalid', { detail: `${path.relative(folder, file)} ${describe(exported)}.` })
  return { app, file, listens: apps.includes(app) }
}

function isBackend(value: unknown): value is Backend {
  return typeof value === 'object' && value !== null && backendMark in value
}

function describe(exported: unknown): string {
  if (exported === undefined) return 'has no default export'
  if (typeof exported === 'function') return 'has a function as its default export, not a backend'
  return 'has a default export that is not a backend'
}
