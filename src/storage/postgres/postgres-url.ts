import { readFileSync } from 'node:fs'
import net from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { MonoblocError } from '../../errors.ts'

/** One server of a URL: the address or name of a host, or the folder of a Unix socket. */
export interface PostgresHost {
  host: string
  port: number
}

/** Where a database is and how to get there. What is undefined, `pg` takes from the environment (PGUSER, ~/.pgpass, …). */
export interface PostgresAddress {
  hosts: PostgresHost[]
  database: string | undefined
  user: string | undefined
  password: string | undefined
  tls: TlsMode
  /** Files, as they were named. */
  rootCertificate: string | undefined
  certificate: string | undefined
  key: string | undefined
  /** The password's proof covers the encrypted channel, where the server offers that. */
  channelBinding: boolean
  /** Options of the server's command line, such as `-c search_path=app`. */
  options: string | undefined
  applicationName: string | undefined
  /** Milliseconds for one host to answer. */
  connectMillis: number
  /** A pooler in transaction mode stands between: a connection is another backend in each transaction. */
  pooler: boolean
  /** Of one process at most, where the URL says so. */
  connections: number | undefined
  /** Only a server that can be written to will do. */
  readWrite: boolean
}

/** `name` is about whom the certificate is for: only its chain is checked. */
export type TlsMode = 'off' | 'verify' | 'verify-chain' | 'no-verify'

const tlsModes: Record<string, TlsMode> = {
  disable: 'off',
  require: 'verify',
  'verify-full': 'verify',
  'verify-ca': 'verify-chain',
  'no-verify': 'no-verify',
}

const known = [
  'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'port', 'user', 'password', 'dbname', 'application_name',
  'options', 'connect_timeout', 'target_session_attrs', 'pgbouncer',
  'connections',
  'channel_binding',
] // biome-ignore format: a list

/** Seconds in which a host has to answer. What is up answers in milliseconds, and a failover tries the next host. */
const defaultConnectSeconds = 5

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`, with any number of hosts. TLS is on, and the
 * certificate is checked for the host's name, unless every host is this machine or `sslmode` says otherwise.
 *
 * @throws MonoblocError `configuration_invalid`, without the password
 */
export function parsePostgresUrl(url: string, environment: NodeJS.ProcessEnv = process.env): PostgresAddress {
  const parts = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^@/?#]*))?(?:\?([^#]*))?$/i.exec(url)
  if (!parts) {
    throw invalid(
      'this is not postgres://user:password@host:port/database; characters such as @ / ? # in a password are written as %40 %2F %3F %23',
    )
  }
  const [, login = '', where = '', database = '', query = ''] = parts
  const parameters = new URLSearchParams(query)
  const unknown = [...parameters.keys()].filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    throw invalid(
      `${unknown.map((name) => `"${name}"`).join(' and ')} can't be said in the URL; known are ${known.join(', ')}`,
    )
  }
  const given = (name: string, variable?: string) =>
    parameters.get(name) || (variable && environment[variable]) || undefined
  const colon = login.indexOf(':')
  const hosts = hostsOf(where, given('host'), given('port', 'PGPORT'), environment)
  const rootCertificate = given('sslrootcert', 'PGSSLROOTCERT')
  return {
    hosts,
    database: decode(database) || given('dbname'),
    user: decode(colon < 0 ? login : login.slice(0, colon)) || given('user'),
    password: (colon < 0 ? undefined : decode(login.slice(colon + 1))) || given('password'),
    tls: tlsOf(given('sslmode') ?? inherited(environment.PGSSLMODE), hosts),
    channelBinding: /^(?:prefer|require)$/.test(given('channel_binding') ?? ''),
    rootCertificate: rootCertificate === 'system' ? undefined : rootCertificate,
    certificate: given('sslcert', 'PGSSLCERT'),
    key: given('sslkey', 'PGSSLKEY'),
    options: given('options', 'PGOPTIONS'),
    applicationName: given('application_name', 'PGAPPNAME'),
    connectMillis: secondsOf(given('connect_timeout', 'PGCONNECT_TIMEOUT')) * 1000,
    pooler: poolerOf(given('pgbouncer')),
    connections: connectionsOf(given('connections')),
    readWrite: sessionOf(given('target_session_attrs')),
  }
}

/** What Node's TLS takes, or false. @throws MonoblocError `configuration_invalid` for a file that can't be read */
export function tlsOptions(address: PostgresAddress): TlsOptions | false {
  if (address.tls === 'off') return false
  return {
    rejectUnauthorized: address.tls !== 'no-verify',
    ...(address.tls === 'verify-chain' ? { checkServerIdentity: () => undefined } : {}),
    ...(address.rootCertificate ? { ca: read('sslrootcert', address.rootCertificate) } : {}),
    ...(address.certificate ? { cert: read('sslcert', address.certificate) } : {}),
    ...(address.key ? { key: read('sslkey', address.key) } : {}),
  }
}

function hostsOf(where: string, parameter = '', ports = '', environment: NodeJS.ProcessEnv): PostgresHost[] {
  const names = where || parameter || environment.PGHOST || 'localhost'
  // `?port=` goes with hosts one by one, or is one for all of them, as for libpq.
  const portList = ports.split(',')
  return names.split(',').map((text, at) => {
    const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text)
    if (!found) throw invalid(`${JSON.stringify(text)} is no host`)
    const host = decode(found[1]!.replace(/^\[|\]$/g, '')) || 'localhost'
    const port = Number(found[2] || portList[at] || portList[0] || 5432)
    if (!(port > 0 && port < 65_536)) throw invalid(`${JSON.stringify(text)} has no valid port`)
    return { host, port }
  })
}

function tlsOf(mode: string | undefined, hosts: readonly PostgresHost[]): TlsMode {
  if (mode === undefined) return hosts.every(({ host }) => isLocal(host)) ? 'off' : 'verify'
  const found = tlsModes[mode]
  if (found) return found
  const why =
    mode === 'prefer' || mode === 'allow' ? ', which would go on unencrypted whenever somebody in between says so' : ''
  throw invalid(`sslmode is "${mode}"${why}; say one of ${Object.keys(tlsModes).join(', ')}`)
}

// libpq's own default may stand in an environment that was made for other programs: it says nothing.
function inherited(mode: string | undefined): string | undefined {
  return mode === 'prefer' || mode === 'allow' ? undefined : mode || undefined
}

/** Is the host this machine, so that nobody is in between? */
export function isLocal(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost' || host === '::1') return true
  return net.isIPv4(host) && host.startsWith('127.')
}

function secondsOf(text: string | undefined): number {
  if (text === undefined || text === '0') return defaultConnectSeconds
  if (!/^\d{1,5}$/.test(text)) throw invalid(`connect_timeout is ${JSON.stringify(text)}, and not a number of seconds`)
  return Number(text)
}

function poolerOf(text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw invalid(`pgbouncer is ${JSON.stringify(text)}, and neither true nor false`)
}

function connectionsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw invalid(`connections is ${JSON.stringify(text)}, and not a number from 1 to 9999`)
}

// Without a word it is a server that can be written to: an application writes, and a standby refuses that.
function sessionOf(text: string | undefined): boolean {
  if (text === undefined || text === 'read-write' || text === 'primary') return true
  if (text === 'any') return false
  throw invalid(`target_session_attrs is ${JSON.stringify(text)}; say read-write, primary or any`)
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw invalid(`${name} can't be read: ${(error as Error).message}`)
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('it has a % that no two hexadecimal digits follow: it is written as %25')
  }
}

function invalid(problem: string): MonoblocError {
  return new MonoblocError('configuration_invalid', { detail: `The URL of the PostgreSQL database: ${problem}.` })
}
