import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../errors.ts'
import { type DatabaseAddress, databaseExists, databaseParts } from '../storage/index.ts'
import { type Finding, fail, ok, type Patient, warn } from './doctor-check.ts'
import { checkServer, openMillis } from './doctor-postgres.ts'

// A damaged file can have a finding for each page: the first ones tell.
const mostProblems = 10

/** Looks at what the database says of itself, before anything else could change it. */
export async function checkDatabase({ config: { database } }: Patient): Promise<Finding[]> {
  if (database.engine === 'sqlite') return checkFile(database.file)
  return checkServer(database)
}

/** Reads the file with a connection of its own. */
function checkFile(file: string): Finding[] {
  if (!existsSync(file)) return [ok('database', `${file} is made at the first start`)]
  const restore = 'Stop the app, keep a copy of the file with its -wal, and restore a backup.'
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 2000 })
    const damage = db
      .prepare(`PRAGMA integrity_check(${mostProblems})`)
      .all()
      .map((row) => String(Object.values(row)[0]))
    const orphans = db
      .prepare('SELECT "table", count(*) AS n FROM pragma_foreign_key_check GROUP BY 1 LIMIT ?')
      .all(mostProblems)
    return [
      damage.join() === 'ok'
        ? ok('integrity', 'integrity_check finds nothing')
        : fail('integrity', damage.join('; '), restore),
      orphans.length === 0
        ? ok('references', 'foreign_key_check finds nothing')
        : fail(
            'references',
            orphans.map((row) => `${row.n} rows of ${row.table} refer to rows that are not there`).join('; '),
            'Another program wrote them with foreign keys off. Delete or mend those rows.',
          ),
    ]
  } catch (error) {
    return [fail('database', `${file} can't be read: ${(error as Error).message}`, restore)]
  } finally {
    db?.close()
  }
}

/** Opens the database as the app does, and compares it with the models. */
export async function checkModels({ config, schema }: Patient): Promise<Finding[]> {
  const { database } = config
  if (!schema || !databaseExists(database)) return []
  const { storage } = databaseParts('file' in database ? database : { ...database, openMillis })
  try {
    // It reads back `synchronous=FULL`, WAL and its other settings, and refuses when one did not take.
    await storage.open()
    const changes = await storage.compare(schema)
    const opened = ok('storage', database.engine === 'sqlite' ? 'opens with WAL and synchronous=FULL' : 'opens')
    if (changes.length === 0) return [opened, ok('models', 'the tables match the models')]
    const found = changes
      .map(({ description, safe }) => (safe ? description : `${description} (could lose data)`))
      .join('; ')
    const remedy = changes.every(({ safe }) => safe)
      ? '`monobloc dev` makes these changes; for production: monobloc migrate plan --name what-it-does, then apply.'
      : 'It can cost data, so it needs consent: monobloc migrate plan --name what-it-does, then apply.'
    return [opened, warn('models', `the database lacks: ${found}`, remedy)]
  } catch (error) {
    if (isSaid(database, error)) return []
    const busy = error instanceof MonoblocError && error.code === 'database_busy'
    const remedy = busy ? 'Another program holds the file: end it, or look again.' : 'See the message.'
    return [(busy ? warn : fail)('storage', (error as Error).message, remedy)]
  } finally {
    await storage.close()
  }
}

/** That a server can't be reached was found by looking at it. */
function isSaid({ engine }: DatabaseAddress, error: unknown): boolean {
  return engine === 'postgres' && error instanceof MonoblocError && error.status === 503
}
