import { MonoblocError } from '../errors.ts'
import { type DatabaseAddress, databaseParts, placeOf, type SqlRow } from '../storage/index.ts'
import { type Finding, fail, ok, warn } from './doctor-check.ts'

type ServerAddress = Extract<DatabaseAddress, { engine: 'postgres' }>

type Facts = Record<string, string | number | boolean>

// Asked through the engine, so that what is seen are the settings of the app's own connections.
const facts = `select
    current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major,
    current_setting('server_encoding') as encoding,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('fsync') as fsync,
    current_setting('full_page_writes') as full_page_writes,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as room,
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as clock,
    pg_is_in_recovery() as standby,
    coalesce(current_schema(), '') as schema,
    coalesce(has_schema_privilege(current_schema(), 'create'), false) as creates,
    (select count(*)::int from pg_stat_activity
      where datname = current_database() and xact_start < now() - interval '1 hour') as old_transactions,
    (select coalesce(string_agg(conname, ', '), '') from pg_constraint
      where not convalidated and connamespace = current_schema()::regnamespace) as unchecked`

// A person waits, and a server that may be starting up is not waited for.
const deadline = 10_000
export const openMillis = 500

/** Looks at the server and its settings. Nothing is written. */
export async function checkServer(address: ServerAddress, now = Date.now): Promise<Finding[]> {
  const { storage } = databaseParts({ ...address, openMillis })
  try {
    await storage.open()
    const asked = now()
    const { rows } = await storage.read({ deadline }, (session) => session.raw(facts, []))
    const found = rows[0] as SqlRow as Facts
    const skew = Number(found.clock) - (asked + now()) / 2
    return [
      ...checkVersion(found, address),
      ...checkDurability(found),
      ...checkConnections(found, address),
      ...checkSkew(skew, (now() - asked) / 2),
      ...checkState(found),
    ]
  } catch (error) {
    const busy = error instanceof MonoblocError && error.status === 503
    const remedy = busy ? 'Start the server, or correct DATABASE_URL.' : 'See the message.'
    return [fail('database', `${placeOf(address)}: ${(error as Error).message}`, remedy)]
  } finally {
    await storage.close()
  }
}

const oldestMajor = 15

function checkVersion(
  { version, major, encoding, schema, creates, standby }: Facts,
  address: DatabaseAddress,
): Finding[] {
  const findings: Finding[] = []
  if (Number(major) < oldestMajor) {
    findings.push(fail('database', `PostgreSQL ${version}`, `Use PostgreSQL ${oldestMajor} or later.`))
  }
  if (encoding !== 'UTF8') {
    const remedy = `create database … encoding 'UTF8' template template0`
    findings.push(fail('database', `its encoding is ${encoding}: other characters could not be stored`, remedy))
  }
  if (standby === true) {
    findings.push(fail('database', 'it is a standby, which takes no writes', 'Name the primary in DATABASE_URL.'))
  } else if (schema === '') {
    findings.push(fail('database', 'search_path names no schema that is there', 'create schema …, or set search_path.'))
  } else if (creates !== true) {
    const remedy = `grant create on schema ${schema} to the user, or make the tables by monobloc migrate as another.`
    findings.push(warn('database', `its user may not create tables in ${schema}`, remedy))
  }
  return findings.length > 0 ? findings : [ok('database', `PostgreSQL ${version}, ${placeOf(address)}`)]
}

function checkDurability(found: Facts): Finding[] {
  const lost = {
    synchronous_commit: 'a crash of the server loses what was acknowledged a moment before',
    fsync: 'a power failure loses what was acknowledged, or damages the database',
    full_page_writes: 'a power failure may damage the database',
  }
  const off = Object.entries(lost).filter(([name]) => found[name] === 'off')
  if (off.length === 0) return [ok('durability', 'synchronous_commit, fsync and full_page_writes are on')]
  return off.map(([name, what]) => warn('durability', `${name} is off: ${what}`, `alter system set ${name} = on`))
}

function checkConnections({ room, used }: Facts, address: ServerAddress): Finding[] {
  const pool = address.connections ?? 10
  const found = `${used} of ${room} are used; one process of the app takes up to ${pool}`
  if (Number(used) + pool <= Number(room)) return [ok('connections', found)]
  return [warn('connections', found, 'Raise max_connections, lower the pool, or put PgBouncer between.')]
}

// Times in the log are the app's, those of rows that other programs write are the server's: a second shows nowhere.
const skewAllowed = 1000

function checkSkew(skew: number, uncertainty: number): Finding[] {
  const found = `the server's clock is ${Math.abs(Math.round(skew))} ms ${skew < 0 ? 'behind' : 'ahead of'} this machine's`
  if (Math.abs(skew) <= skewAllowed + uncertainty) return [ok('server clock', found)]
  return [warn('server clock', found, 'Keep both clocks right with a time service.')]
}

function checkState({ old_transactions: old, unchecked }: Facts): Finding[] {
  const findings: Finding[] = []
  if (Number(old) > 0) {
    const remedy = 'End them: see pg_stat_activity. Until then deleted rows keep their place on disk.'
    findings.push(warn('transactions', `${old} have been open for over an hour`, remedy))
  }
  if (unchecked !== '') {
    findings.push(warn('references', `never checked for old rows: ${unchecked}`, 'alter table … validate constraint …'))
  }
  return findings
}
