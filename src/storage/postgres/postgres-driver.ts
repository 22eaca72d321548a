import type { Client, ClientConfig } from 'pg'
import { MonoblocError } from '../../errors.ts'

/** A message of a server's that describes one column of an answer. */
export interface Field {
  name: string
  dataTypeID: number
}

/** The wire beneath a client: messages of the extended protocol, which are sent when they are written. */
export interface Wire {
  stream: { cork(): void; uncork(): void; destroy(): void }
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: readonly (string | Buffer | null)[] }): void
  describe(message: { type: 'P' }): void
  execute(message: { rows?: number }): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/** What a client runs in place of its own queries: it writes its messages, and hears what comes back until the Sync. */
export interface Submitted {
  submit(wire: Wire): void
  handleRowDescription(message: { fields: Field[] }): void
  handleDataRow(message: { fields: (string | null)[] }): void
  handleCommandComplete(message: { text: string }): void
  handleEmptyQuery(): void
  handlePortalSuspended(): void
  handleCopyInResponse(wire: Wire): void
  handleCopyData(): void
  handleError(error: unknown): void
  handleReadyForQuery(): void
}

/** What is used of a client of `pg`; its own types leave out what a query of another class needs. */
export interface DriverClient extends Omit<Client, 'query' | 'connection'> {
  /** Of the backend, for cancelling. A pooler's stands for whichever backend it has given at the moment. */
  readonly processID: number | null
  readonly secretKey: number | null
  readonly connection: Wire
  query(submitted: Submitted): unknown
}

export interface Driver {
  Client: new (config: ClientConfig) => DriverClient
}

let loaded: Promise<Driver> | undefined

/**
 * `pg` is loaded when a database is first opened: who stays on SQLite need not have it.
 *
 * @throws MonoblocError `dependency_missing`
 */
export function loadDriver(): Promise<Driver> {
  loaded ??= import('pg').then(
    (module) => module.default as unknown as Driver,
    (error: NodeJS.ErrnoException) => {
      loaded = undefined
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
      throw new MonoblocError('dependency_missing', {
        detail: 'PostgreSQL needs the driver: npm install pg',
        cause: error,
      })
    },
  )
  return loaded
}
