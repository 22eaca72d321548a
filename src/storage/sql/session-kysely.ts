import type { CompiledQuery, DatabaseConnection, Driver, Kysely, QueryResult } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import type { Session } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { kysely } from './kysely.ts'

/** Hears of a statement, by its tree. */
export type OnQuery = (query: CompiledQuery['query']) => void

/**
 * Kysely whose every statement runs in the session's own transaction. It begins, commits and connects to nothing.
 */
export function kyselyFor<Db>(dialect: Dialect, session: Session, onQuery?: OnQuery): Kysely<Db> {
  const { Kysely } = kysely()
  const { adapter, introspector, compiler } = dialect.kysely()
  return new Kysely<Db>({
    dialect: {
      createAdapter: adapter,
      createDriver: () => new SessionDriver(session, onQuery),
      createIntrospector: introspector,
      createQueryCompiler: compiler,
    },
  })
}

class SessionDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(session: Session, onQuery: OnQuery | undefined) {
    this.#connection = new SessionConnection(session, onQuery)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  beginTransaction(): Promise<void> {
    return refuse()
  }

  commitTransaction(): Promise<void> {
    return refuse()
  }

  rollbackTransaction(): Promise<void> {
    return refuse()
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}

class SessionConnection implements DatabaseConnection {
  readonly #session: Session
  readonly #onQuery: OnQuery | undefined

  constructor(session: Session, onQuery: OnQuery | undefined) {
    this.#session = session
    this.#onQuery = onQuery
  }

  async executeQuery<R>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<R>> {
    this.#onQuery?.(query)
    const { rows, changes, lastId } = await this.#session.raw(sql, parameters)
    const changed = query.kind !== 'SelectQueryNode'
    return {
      rows: rows as R[],
      ...(changed ? { numAffectedRows: BigInt(changes) } : {}),
      ...(lastId === null ? {} : { insertId: BigInt(lastId as number | bigint) }),
    }
  }

  // biome-ignore lint/correctness/useYield: it refuses
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new MonoblocError('statement_refused', {
      detail: 'db.sql answers whole results: page them instead of streaming.',
    })
  }
}

async function refuse(): Promise<never> {
  throw new MonoblocError('statement_refused', {
    detail: 'db.sql runs in the transaction of its db already: nest with db.transaction().',
  })
}
