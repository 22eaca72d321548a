/** One violation of a constraint by one value of the input. */
export interface Violation {
  /** Where: `['body', 'title']`, `['query', 'price[gte]']`. */
  path: (string | number)[]
  /** A stable word for programs: `required`, `too_small`, `unknown_field`, … */
  code: string
  /** A sentence for people. */
  message: string
}

interface ErrorEntry {
  status: number
  message: string
  remedy: string
}

/**
 * Every code that leaves Monobloc: the HTTP status it answers with, the public message, and what to do about it.
 * `docs/errors.md` and the exported type are held to this table by a test.
 */
export const errorTable = {
  malformed_request: {
    status: 400,
    message: 'The request could not be read.',
    remedy: 'Send well-formed HTTP: valid UTF-8, a valid URL and a body that matches its Content-Type.',
  },
  malformed_json: {
    status: 400,
    message: 'The body is not valid JSON.',
    remedy: 'Send JSON (RFC 8259) encoded as UTF-8.',
  },
  invalid_query: {
    status: 400,
    message: 'The query string is not understood.',
    remedy: 'Use the fields, operators and parameters that the violations list.',
  },
  invalid_params: {
    status: 400,
    message: 'The address is not understood.',
    remedy: 'Correct the parts of the path that the violations list.',
  },
  invalid_filter: {
    status: 400,
    message: 'The filter is not understood.',
    remedy: 'Use the fields and operators that the violations list; a value must have the type of its field.',
  },
  invalid_cursor: {
    status: 400,
    message: 'The cursor is not valid here.',
    remedy: 'Pass back a cursor exactly as it was given, with the same sort.',
  },
  version_unknown: {
    status: 400,
    message: 'This is no version of the API.',
    remedy: 'Ask for one of the versions that the violations list, in one place.',
  },
  webhook_unsigned: {
    status: 400,
    message: 'The message has no signature that can be read.',
    remedy: 'Send the header fields of the signature, each once, with the body exactly as it was signed.',
  },
  webhook_signature_wrong: {
    status: 401,
    message: 'The signature is not that of the message.',
    remedy:
      'Sign the bytes that are sent, with the secret that was agreed on. A body that was read and written anew is another one.',
  },
  webhook_expired: {
    status: 401,
    message: 'The message was signed too long ago, or in the future.',
    remedy: 'Set the clocks, and sign each attempt anew with the time of that attempt.',
  },
  unauthenticated: {
    status: 401,
    message: 'This needs an identity.',
    remedy: 'Send credentials, such as Authorization: Bearer <token>.',
  },
  invalid_token: {
    status: 401,
    message: 'The token is not valid.',
    remedy: 'Sign in again for a new token.',
  },
  invalid_credentials: {
    status: 401,
    message: 'The credentials are not valid.',
    remedy: 'Check the name and the password.',
  },
  forbidden: {
    status: 403,
    message: 'This is not allowed.',
    remedy: 'Ask for a role or a policy that grants it.',
  },
  not_found: {
    status: 404,
    message: 'There is nothing here.',
    remedy: 'Check the address; what you may not know of answers like what does not exist.',
  },
  method_not_allowed: {
    status: 405,
    message: 'This method is not served here.',
    remedy: 'Use one of the methods in the Allow header.',
  },
  not_acceptable: {
    status: 406,
    message: 'None of the acceptable media types can be produced.',
    remedy: 'Accept application/json.',
  },
  request_timeout: {
    status: 408,
    message: 'The request took too long to arrive.',
    remedy: 'Send the whole request again, sooner.',
  },
  conflict: {
    status: 409,
    message: 'This conflicts with the current state.',
    remedy: 'Read the current state and try again.',
  },
  unique_violation: {
    status: 409,
    message: 'A value that must be unique is taken.',
    remedy: 'Choose another value for the fields that the violations list.',
  },
  reference_in_use: {
    status: 409,
    message: 'Other rows still refer to this one.',
    remedy: 'Delete or change the rows that refer to it first.',
  },
  idempotency_in_flight: {
    status: 409,
    message: 'A request with this Idempotency-Key is still running.',
    remedy: 'Wait and send the same request again.',
  },
  outcome_unknown: {
    status: 409,
    message: 'A request with this Idempotency-Key began and its outcome is not known.',
    remedy: 'Find out what it did, then resolve the key or wait until its lifetime ends.',
  },
  position_pruned: {
    status: 410,
    message: 'The log no longer reaches back that far.',
    remedy: 'Read the current state, then follow the log from its newest position.',
  },
  version_gone: {
    status: 410,
    message: 'This version of the API has ended.',
    remedy: 'Move to one of the versions that the violations list; the Link header says where to read about it.',
  },
  precondition_failed: {
    status: 412,
    message: 'The resource has changed.',
    remedy: 'Read it again and repeat the change with its new ETag.',
  },
  body_too_large: {
    status: 413,
    message: 'The body is too large.',
    remedy: 'Send a smaller body, or raise the limit of the route.',
  },
  uri_too_long: {
    status: 414,
    message: 'The address is too long.',
    remedy: 'Use QUERY with a body for long filters.',
  },
  unsupported_media_type: {
    status: 415,
    message: 'The media type of the body is not supported here.',
    remedy: 'Send one of the types that Accept-Post, Accept-Patch or the violations name.',
  },
  range_not_satisfiable: {
    status: 416,
    message: 'The content has no such part.',
    remedy: 'Ask for bytes below the length that Content-Range says.',
  },
  validation_failed: {
    status: 422,
    message: 'The input is not valid.',
    remedy: 'Correct the values that the violations list.',
  },
  reference_not_found: {
    status: 422,
    message: 'A referenced row does not exist.',
    remedy: 'Refer to rows that exist and that you may see.',
  },
  check_violation: {
    status: 422,
    message: 'A value breaks a constraint of the model.',
    remedy: 'Correct the values that the violations list.',
  },
  address_refused: {
    status: 422,
    message: 'This address is not called.',
    remedy:
      'Give an https address of a host on the public internet; networks that may be called besides are in `allow`.',
  },
  webhook_endpoints_full: {
    status: 422,
    message: 'There are as many endpoints of webhooks as there may be.',
    remedy: 'Remove endpoints that nobody uses: an app has 10,000 at most.',
  },
  idempotency_mismatch: {
    status: 422,
    message: 'This Idempotency-Key was used with another request.',
    remedy: 'Use a new key for a new request.',
  },
  idempotency_key_invalid: {
    status: 400,
    message: 'The Idempotency-Key is not valid.',
    remedy: 'Send 1 to 255 visible ASCII characters, such as a UUID.',
  },
  job_too_large: {
    status: 422,
    message: 'The job carries too much.',
    remedy: 'Give a job the keys of what it needs, and let it return no more than facts: 256 KiB are the most.',
  },
  precondition_required: {
    status: 428,
    message: 'This change must say which version it is based on.',
    remedy: 'Send If-Match with the ETag of the version you read.',
  },
  too_many_requests: {
    status: 429,
    message: 'Too many requests.',
    remedy: 'Wait as long as Retry-After says.',
  },
  headers_too_large: {
    status: 431,
    message: 'The header fields are too large.',
    remedy: 'Send fewer or smaller header fields.',
  },
  egress_failed: {
    status: 502,
    message: 'Another server could not be reached.',
    remedy: 'See whether the other server runs and answers over HTTP; the cause is in the log.',
  },
  egress_too_large: {
    status: 502,
    message: 'Another server answered with too much.',
    remedy: 'Raise `maxResponse` where that much is meant.',
  },
  egress_timeout: {
    status: 504,
    message: 'Another server did not answer in time.',
    remedy: 'Raise `timeout` where an answer may take that long, or ask the other server to answer sooner.',
  },
  internal: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'Quote the id of this error when you report it.',
  },
  response_invalid: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'The handler answered with something that its `returns` does not describe: see the log.',
  },
  foreign_await: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'A write transaction awaited something other than its db. Move that work to prepare(), to a job, or use transaction: false.',
  },
  call_invalid: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'A call of db names a field, a relation or an operator that the model does not have: correct it in the app.',
  },
  missing_await: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'A call of db was not awaited before the work that it belongs to had ended: await each call, or return it.',
  },
  transaction_ended: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'A db handle was used after its transaction had ended. Await every call before the handler returns.',
  },
  transaction_busy: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'A nested transaction is open: use the handle that it was given until it ends.',
  },
  job_failed: {
    status: 500,
    message: 'The job can not succeed.',
    remedy: 'A handler said so, and it is not tried again: look at the job, and retry it once the cause is mended.',
  },
  job_cancelled: {
    status: 500,
    message: 'The job was cancelled.',
    remedy: 'Enqueue it again if it was meant to run.',
  },
  job_ended: {
    status: 409,
    message: 'The job has ended.',
    remedy: 'It can not be cancelled any more. Look at its state and result.',
  },
  job_open: {
    status: 409,
    message: 'The job has not ended.',
    remedy: 'Only a job that has failed or was cancelled begins again. Wait for its end, or cancel it first.',
  },
  job_child_failed: {
    status: 500,
    message: 'A job that this one waited for has not succeeded.',
    remedy: 'Look at its children: retrying the one that failed lets this one wait for it again.',
  },
  job_predecessor_failed: {
    status: 500,
    message: 'A job before this one has not succeeded.',
    remedy:
      'Retry the one before it, and this one waits for it again; or say afterFailure: "run" where it need not succeed.',
  },
  job_timeout: {
    status: 500,
    message: 'The job took longer than it may.',
    remedy: 'Let it do less at once, end at its signal, or raise its timeout.',
  },
  worker_lost: {
    status: 500,
    message: 'The process that ran the job has ended or hung.',
    remedy: 'Look in the log of that process for why. A job whose attempts all end so may be what ends it.',
  },
  hook_loop: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'Hooks led to one another too often: a hook changes rows whose own hooks lead back to it.',
  },
  stream_in_transaction: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'A handler returned an async iterable, which would be read when its transaction has ended. Say transaction: false, so that each call of db is its own, or return a list.',
  },
  transaction_read_only: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: "A write was tried in a read transaction. Use another method than GET, or transaction: 'write'.",
  },
  statement_refused: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'Transaction control, ATTACH, PRAGMA and deferred constraints are not allowed inside a unit of work.',
  },
  database_error: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'The database refused a statement: see the log for its words.',
  },
  database_corrupt: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'The file of the database is damaged or is no database: restore a backup, and check the disk.',
  },
  undefined_in_filter: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'A filter held undefined, which must never mean "no condition". Leave the key out (`{ ...(year !== undefined && { year }) }`), or give it a value.',
  },
  result_too_large: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'A query without a limit found more rows than one answer may hold. Give it a limit and page.',
  },
  not_running: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'Call it between start() or listen() and stop(), on a backend with models.',
  },
  lease_lost: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'Another process has taken over what this one was doing: nothing of it was kept here, and nothing need be done.',
  },
  event_invalid: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'An event was emitted with data that its schema refuses or JSON cannot say: correct the app where it emits it.',
  },
  event_too_large: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy: 'An event holds at most 64 KiB of JSON. Keep large things in a row or a file, and emit its key.',
  },
  event_version_unknown: {
    status: 500,
    message: 'Something went wrong on our side.',
    remedy:
      'The log holds an event of a version that this app cannot read. Start the app that knows it, or say in `upcast` how to read the older one.',
  },
  configuration_invalid: {
    status: 500,
    message: 'The configuration is not valid.',
    remedy: 'Correct every problem that is listed; the process exits with 78.',
  },
  app_invalid: {
    status: 500,
    message: 'The file is not an app.',
    remedy: 'Give it a backend as its default export: export default backend({ serve: [] }).',
  },
  app_not_found: {
    status: 500,
    message: 'There is no app to run.',
    remedy:
      'Name its file, such as `monobloc dev src/app.ts`, or say it in package.json as "monobloc": { "app": "src/app.ts" }.',
  },
  listen_refused: {
    status: 500,
    message: 'The server may not listen where it was told to.',
    remedy: 'Choose another PORT or HOST.',
  },
  port_taken: {
    status: 500,
    message: 'The port is taken.',
    remedy: 'Choose another with PORT (0: any free one), or end the program that has it.',
  },
  schema_differs: {
    status: 500,
    message: 'The database does not match the models.',
    remedy:
      'Write what has to change with `monobloc migrate plan --name what-it-does`, read it, and run `monobloc migrate apply`. `monobloc dev` applies by itself what can lose nothing.',
  },
  schema_newer: {
    status: 500,
    message: 'The database is newer than this app.',
    remedy:
      'Start a version of the app that has the migrations which were applied, with its folder `migrations`, or restore the backup from before them.',
  },
  migration_pending: {
    status: 500,
    message: 'Migrations have not been applied to the database.',
    remedy: 'Look at them with `monobloc migrate status`, and run `monobloc migrate apply`.',
  },
  migration_refused: {
    status: 500,
    message: 'The migration is refused, and nothing was changed.',
    remedy:
      'Do what the message says, or correct the file where it was not applied yet; `monobloc migrate status` tells.',
  },
  migration_engine: {
    status: 500,
    message: 'A migration file is written for another database engine.',
    remedy:
      'Put SQL for SQLite into `migrations` and SQL for PostgreSQL into `migrations/postgresql`; with DATABASE_URL naming the database, `monobloc migrate plan --name what-it-does` writes the file for its engine.',
  },
  backup_elsewhere: {
    status: 500,
    message: 'This database is backed up by its own tools.',
    remedy: 'Use pg_dump, or the backups of whoever runs the server.',
  },
  migration_stopped: {
    status: 500,
    message: 'The migration was stopped on its way; what it had done is kept.',
    remedy:
      'Correct what the message names, in the rows or in the part of the file that has not run, and run `monobloc migrate apply` again: it goes on where it was.',
  },
  dependency_missing: {
    status: 500,
    message: 'An optional part is not installed.',
    remedy: 'Install the package that the message names.',
  },
  definition_invalid: {
    status: 500,
    message: 'A definition is not valid.',
    remedy: 'Correct the model, policy, resource or endpoint that the message names.',
  },
  overloaded: {
    status: 503,
    message: 'The server is busy.',
    remedy: 'Try again after Retry-After seconds.',
  },
  database_busy: {
    status: 503,
    message: 'The database is busy.',
    remedy: 'Try again after Retry-After seconds.',
  },
  database_unavailable: {
    status: 503,
    message: 'The database cannot be reached.',
    remedy: 'Try again after Retry-After seconds. When it stays so: see the log for why, and whether the server runs.',
  },
  commit_unknown: {
    status: 503,
    message: 'Whether this was saved is not known.',
    remedy:
      'The database was lost while it committed. Read the current state, or repeat the request with its Idempotency-Key.',
  },
  database_full: {
    status: 503,
    message: 'The database cannot take more data.',
    remedy: 'Free space on the disk that holds the database.',
  },
  deadline_exceeded: {
    status: 503,
    message: 'This took longer than it may.',
    remedy: 'Ask for less at once, or raise the deadline of the route.',
  },
  shutting_down: {
    status: 503,
    message: 'The server is stopping.',
    remedy: 'Try again: another process will answer.',
  },
} as const satisfies Record<string, ErrorEntry>

/** The stable codes of Monobloc's errors. */
export type ErrorCode = keyof typeof errorTable

export interface ErrorOptions {
  /** What really happened, for the log only: never sent. */
  detail?: string
  cause?: unknown
  violations?: Violation[]
  /** What the error is about, usually a model's name: `article` in "article: not found". Sent. */
  subject?: string
  /** Header fields of the answer, such as `Retry-After`. */
  headers?: Record<string, string>
}

/**
 * The one error of Monobloc. What is sent is `code`, `status`, `publicMessage`, `subject` and `violations`; `message`,
 * `detail` and `cause` stay in the log.
 */
export class MonoblocError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly publicMessage: string
  readonly violations: Violation[]
  readonly subject: string | undefined
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    const entry = errorTable[code]
    if (!Object.hasOwn(errorTable, code)) {
      const near = didYouMean(String(code), Object.keys(errorTable))
      throw new MonoblocError('definition_invalid', { detail: `"${code}" is no code of an error${near || '.'}` })
    }
    const parts = [
      entry.message,
      options.subject && `(${options.subject})`,
      options.detail,
      entry.status >= 500 && entry.remedy,
    ]
    super(parts.filter(Boolean).join(' '), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MonoblocError'
    this.code = code
    this.status = entry.status
    this.publicMessage = entry.message
    this.violations = options.violations ?? []
    this.subject = options.subject
    this.headers = options.headers ?? {}
  }
}

/**
 * Sees that options are an object which says nothing that nobody would read.
 *
 * @param what whose they are: `backend()`
 * @throws MonoblocError `definition_invalid` with what is not known, and what was probably meant
 */
export function checkOptions(what: string, given: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new MonoblocError('definition_invalid', { detail: `${what} takes an object of options.` })
  const names = Object.keys(known)
  const unknown = Object.keys(given)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => `"${name}" is no option${didYouMean(name, names) || '.'}`)
  if (unknown.length === 0) return
  throw new MonoblocError('definition_invalid', {
    detail: `${what}: ${unknown.join(' ')} It takes ${names.join(', ')}.`,
  })
}

/** `; did you mean PORT?` when a known name is close to what was written, else nothing. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const near = [...known]
    .map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 2.5)))
    .sort((a, b) => a.distance - b.distance)
  return near[0] ? `; did you mean ${near[0].name}?` : ''
}

/** Characters to add, remove or replace to get from one text to the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
