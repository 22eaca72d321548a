import { MonoblocError } from '../../errors.ts'
import { translateError } from './postgres-errors.ts'
import { endsConnection, isServerError } from './postgres-lost.ts'

/** Whom a connection was for; without a password. */
export interface Target {
  host: string
  port: number
  database: string
  user: string
}

/** Trying again changes nothing until somebody changes the configuration or the server. */
export function isMisconfigured(error: unknown): boolean {
  return error instanceof MonoblocError && error.code !== 'database_unavailable'
}

const socketErrors: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there: see that the server runs, and that host and port are right',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ENOENT: 'there is no such socket: see that the server runs, and in which folder it has its socket',
  EACCES: 'this process may not use the socket',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'the host can not be reached',
  ENETUNREACH: 'the network can not be reached',
}

const untrusted = 'name the authority that signed it with sslrootcert=<file>'
const certificateErrors: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: `its certificate is signed by itself: ${untrusted}`,
  SELF_SIGNED_CERT_IN_CHAIN: `nobody known here has signed its certificate: ${untrusted}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `nobody known here has signed its certificate: ${untrusted}`,
  UNABLE_TO_GET_ISSUER_CERT: `nobody known here has signed its certificate: ${untrusted}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `nobody known here has signed its certificate: ${untrusted}`,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: see the clocks of both machines',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for another name: use that name as the host, or sslmode=verify-ca where names do not matter',
}

const serverErrors: Record<string, (target: Target) => string> = {
  '28P01': ({ user }) => `the password of the user "${user}" is wrong`,
  '28000': ({ user, database }) =>
    `the server lets the user "${user}" not into "${database}" from here, or not this way: see its pg_hba.conf`,
  '3D000': ({ database }) => `there is no database "${database}": create it with createdb, or correct the URL`,
  '42501': ({ user, database }) => `the user "${user}" may not connect to "${database}"`,
}

// Trying again helps.
const passing: Record<string, string> = {
  '53300': 'it has too many connections already: lower `connections`, raise its max_connections, or use a pooler',
  '57P01': 'it shuts down',
  '57P02': 'it shuts down',
  '57P03': 'it starts up, or shuts down',
}

/**
 * Why there is no connection, and what to do about it: `configuration_invalid` where somebody has to change something,
 * `database_unavailable` where waiting may help. No password is in it.
 */
export function connectError(error: unknown, target: Target): MonoblocError {
  if (error instanceof MonoblocError) return error
  const code = String((error as { code?: unknown } | null)?.code)
  const message = error instanceof Error ? error.message : String(error)
  if (isServerError(error)) {
    if (passing[code]) return unavailable(target, passing[code], error)
    if (/unsupported startup parameter/i.test(message)) {
      return refused(target, `it is a pooler (${message}): add ?pgbouncer=true to the URL`, error)
    }
    const told = serverErrors[code]
    if (told) return refused(target, `${told(target)} (${message})`, error)
    return unavailable(target, message, error)
  }
  if (certificateErrors[code]) return refused(target, certificateErrors[code], error)
  if (socketErrors[code]) return unavailable(target, socketErrors[code], error)
  if (/does not support SSL/.test(message)) {
    const remedy = 'where the network in between can be trusted, say sslmode=disable'
    return refused(target, `it takes no TLS: switch \`ssl\` on there, or ${remedy}`, error)
  }
  if (/client password must be/.test(message)) {
    return refused(
      target,
      `it wants a password for "${target.user}": put it into the URL, PGPASSWORD or ~/.pgpass`,
      error,
    )
  }
  if (/^ERR_(?:SSL|OSSL|TLS)/.test(code)) return refused(target, `TLS failed: ${message}`, error)
  if (message === 'timeout expired') return unavailable(target, socketErrors.ETIMEDOUT!, error)
  return unavailable(target, message, error)
}

/** What is said of work that failed: a connection that went is a database that can't be reached for the moment. */
export function answerFor(error: unknown): unknown {
  if (!endsConnection(error)) return translateError(error)
  return new MonoblocError('database_unavailable', {
    detail: (error as Error).message,
    cause: error,
    headers: { 'Retry-After': '1' },
  })
}

export function refused(target: Target, why: string, cause?: unknown): MonoblocError {
  return new MonoblocError('configuration_invalid', { detail: sentence(target, why), cause })
}

export function unavailable(target: Target, why: string, cause?: unknown): MonoblocError {
  return new MonoblocError('database_unavailable', {
    detail: sentence(target, why),
    cause,
    headers: { 'Retry-After': '2' },
  })
}

function sentence({ host, port, database }: Target, why: string): string {
  const where = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`
  return `PostgreSQL at ${where}/${database}: ${why}.`
}
