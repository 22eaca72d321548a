import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { ExactCache, Recording } from '../cache/index.ts'
import type { Guard } from '../commit/index.ts'
import type { AnyModel } from '../schema/index.ts'
import type { Answer } from './answer.ts'

/** A result that may be there at once. The paths of reads stay synchronous where the engine is. */
export type MaybePromise<T> = T | Promise<T>

/** What a POST with an `Idempotency-Key` claims. The host adds whose it is: keys of different users never meet. */
export interface IdempotencyClaim {
  /** 1 to 255 visible ASCII characters, as the client sent them. */
  key: string
  /** The route: `POST /articles`. */
  route: string
  /** SHA-256 of method, target and body bytes, base64url. The same key with another fingerprint is `idempotency_mismatch`. */
  fingerprint: string
}

/** One unit of work, as the request asks for it. */
export interface Unit<User = unknown> {
  /**
   * `read`: one snapshot. `write`: one serializable transaction, on disk when `run` resolves. `false`: no transaction,
   * each call of `db` is its own.
   */
  mode: 'read' | 'write' | false
  user: User | null
  /** Milliseconds from now until the work is given up with `deadline_exceeded`. */
  deadline: number
  /** The route, such as `GET /articles/:slug`. */
  label: string
  /** The request has just been read from its connection, in this round of the event loop, and nothing was waited for. */
  arriving: boolean
  /** The request's id: the cause in the commit log. */
  cause: string
  /** The W3C trace id (32 hexadecimal digits) of a request that came with one, or may write. */
  trace: string | null
  /** Hears what is read, where the answer is to be kept. */
  recorder?: Recording | undefined
  /** Present on a POST with the header, only with `write` and `false`. */
  idempotency: IdempotencyClaim | null
}

/** What the work is given; everything in it becomes part of the handler's context. */
export interface UnitScope {
  db: unknown
  /** The user as this unit of work sees them, where it looked again. */
  user?: unknown
}

/** Where answers are kept, and what tells for whom. */
export interface Keeping {
  cache: ExactCache
  /** What a user may do. */
  guardFor: (user: object) => Guard
  /** Undefined in an app without users. */
  userModel: AnyModel | undefined
  keyOf: (user: object) => unknown
  /** Nobody is known but by the Authorization field. */
  onlyTokens: boolean
}

/**
 * What the HTTP room needs of the rest. Implemented over the unit of work and the access room; tests implement it
 * over whatever they need.
 */
export interface HttpHost<User = unknown> {
  /**
   * Who asks. Null: nobody. Called before params, query and body are looked at. Absent in an app without a user model:
   * then every route is open.
   *
   * @throws MonoblocError `invalid_token` (401) for credentials that are there and not valid
   */
  identify?: (headers: IncomingHttpHeaders, request: IncomingMessage) => MaybePromise<User | null>
  /**
   * Runs `work` in a unit of work and gives its answer once it may be sent. `work` may run more than once (a conflict, a
   * read that moves to a reader process). With `unit.idempotency`: a key that has an answer gives that stored answer
   * without running `work`; otherwise the answer of `work` is recorded with the same commit. An answer whose body is a
   * stream can't be recorded. Errors are not recorded: they undo the work, and a second try runs it again.
   *
   * @throws MonoblocError what `work` threw, or `idempotency_in_flight`, `idempotency_mismatch`, `outcome_unknown`,
   * `deadline_exceeded`, `database_busy`, `foreign_await`, …
   */
  run: (unit: Unit<User>, work: (scope: UnitScope) => MaybePromise<Answer>) => MaybePromise<Answer>
  /** For `prepare` of an endpoint: no transaction, each call of `db` is a snapshot of its own, nothing can be written. */
  prepare: (unit: Unit<User>, work: (scope: UnitScope) => MaybePromise<unknown>) => MaybePromise<unknown>
  /** Where answers are kept; absent where nothing is. */
  keeping?: Keeping
  /** Members of every handler's context besides `db`: `auth`, and what later rooms add. */
  tools?: Record<string, unknown>
}
