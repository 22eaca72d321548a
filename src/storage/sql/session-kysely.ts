import type { CompiledQuery, DatabaseConnection, Driver, Kysely, QueryResult } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import type { Session } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { kysely } from './kysely.ts'

/**
 * Kysely whose every statement runs in the session's own transaction. It begins, commits and connects to nothing.
 */
export function kyselyFor<Db>(dialect: Dialect, session: Session): Kysely<Db> {
  const { Kysely } = kysely()
  const { adapter, introspector, compiler } = dialect.kysely()
  return new Kysely<Db>({
    dialect: {
      createAdapter: adapter,
      createDriver: () => new SessionDriver(session),
      createIntrospector: introspector,
      createQueryCompiler: compiler,
    },
  })
}

class SessionDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(session: Session) {
    this.#connection = new SessionConnection(session)
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

  constructor(session: Session) {
    this.#session = session
  }

  async executeQuery<R>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<R>> {
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
