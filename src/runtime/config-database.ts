import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { MonoblocError } from '../errors.ts'
import { cleanUrl } from '../observe/index.ts'
import { type DatabaseAddress, parsePostgresUrl } from '../storage/index.ts'
import type { Parsed } from './config-value.ts'

/**
 * Reads DATABASE_URL: `sqlite:data/app.db`, `sqlite:///var/lib/app.db`, `file:data/app.db`, or just a path. Relative
 * paths start at the working folder. `postgres://user:password@host:port/database` names a database of PostgreSQL.
 */
export function parseDatabaseUrl(text: string, folder: string): Parsed<DatabaseAddress> {
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
      return postgres(text)
    default:
      return {
        problem: `${quoted(text)}: there is no engine for ${scheme}; use postgres://user:password@host/database or a SQLite file, such as sqlite:data/app.db`,
      }
  }
}

/** Reads DATABASE_DIRECT_URL: PostgreSQL without the pooler that DATABASE_URL goes through. */
export function parseDirectUrl(text: string): Parsed<string> {
  const parsed = postgres(text)
  return 'value' in parsed ? { value: text } : parsed
}

function postgres(url: string): Parsed<DatabaseAddress> {
  try {
    parsePostgresUrl(url)
    return { value: { engine: 'postgres', url } }
  } catch (error) {
    if (!(error instanceof MonoblocError)) throw error
    return { problem: error.message }
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

function sqlite(file: string | undefined, folder: string): Parsed<DatabaseAddress> {
  if (file === ':memory:') return { problem: 'a database in memory keeps nothing: name a file' }
  if (!file || /[?#\0]/.test(file) || file.endsWith('/')) {
    return { problem: 'this is not the path of a file; write sqlite:data/app.db or sqlite:///var/lib/app/app.db' }
  }
  return { value: { engine: 'sqlite', file: path.resolve(folder, file) } }
}

function quoted(text: string): string {
  return JSON.stringify(cleanUrl(text))
}
