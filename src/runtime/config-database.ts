import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cleanUrl } from '../observe/index.ts'
import type { Parsed } from './config-value.ts'

export interface DatabaseConfig {
  engine: 'sqlite'
  /** Absolute. */
  file: string
}

/**
 * Reads DATABASE_URL: `sqlite:data/app.db`, `sqlite:///var/lib/app.db`, `file:data/app.db`, or just a path. Relative
 * paths start at the working folder.
 */
export function parseDatabaseUrl(text: string, folder: string): Parsed<DatabaseConfig> {
  const scheme = /^([a-z][a-z\d+.-]+):/i.exec(text)?.[1]?.toLowerCase()
  switch (scheme) {
    case undefined:
      return sqlite(text, folder)
    case 'sqlite':
    case 'sqlite3':
    case 'file':
      return sqlite(pathOf(text.slice(scheme.length + 1)), folder)
    case 'postgres':
    case 'postgresql':
      return {
        problem: `${quoted(text)}: PostgreSQL is not in this version; use a SQLite file, such as sqlite:data/app.db`,
      }
    default:
      return {
        problem: `${quoted(text)}: there is no engine for ${scheme}; use a SQLite file, such as sqlite:data/app.db`,
      }
  }
}

/** `///var/x` is absolute, `//x` would name a host, which a file has not. */
function pathOf(rest: string): string | undefined {
  if (!rest.startsWith('//')) return decode(rest)
  try {
    return fileURLToPath(`file:${rest}`)
  } catch {
    return undefined
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function sqlite(file: string | undefined, folder: string): Parsed<DatabaseConfig> {
  if (file === ':memory:') return { problem: 'a database in memory keeps nothing: name a file' }
  if (!file || /[?#\0]/.test(file) || file.endsWith('/')) {
    return { problem: 'this is not the path of a file; write sqlite:data/app.db or sqlite:///var/lib/app/app.db' }
  }
  return { value: { engine: 'sqlite', file: path.resolve(folder, file) } }
}

function quoted(text: string): string {
  return JSON.stringify(cleanUrl(text))
}
