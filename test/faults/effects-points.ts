// Named points of a process that serves, at which it is killed or stands still: before and after each step that makes
// something last. Where the process talks to its database the statement says which step it is, so that nothing in the
// package knows of this.
import { writeSync } from 'node:fs'
import { ClientRequest, ServerResponse } from 'node:http'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { PostgresConnection } from '../../src/storage/postgres/postgres-connection.ts'
import { whyNoStrace } from './tools.ts'

export interface PointOptions {
  name: string
  /** At which passage of it, from 1 on. */
  nth: number
  act: 'kill' | 'stop'
}

/** What a statement does, by its text. A job that is inserted with a worker is enqueued and claimed. */
const steps: readonly (readonly [step: string, pattern: RegExp])[] = [
  ['commit', /^\s*commit\b/i],
  ['enqueue', /^\s*insert into monobloc_job\b/i],
  ['claim', /^\s*(update monobloc_job set state = 'running'|insert into monobloc_job\s+\([^)]*\bworker\b)/i],
  ['completion', /^\s*update monobloc_job set state = 'done'/i],
  ['cursor', /^\s*update monobloc_consumer set position/i],
  ['tick', /^\s*update monobloc_schedule set next/i],
  ['outcome', /^\s*update monobloc_webhook_delivery set (state = 'delivered'|attempts)/i],
  ['append', /^\s*insert into monobloc_commit\b|^\s*insert into monobloc_log\b/i],
]

/**
 * Steps with points on each engine; a claim, a completion or a move of a cursor is a statement of one table. A delivery
 * begins when it is sent and ends when its answer comes; its outcome is what is then noted of it.
 */
const names = ['commit', 'append', 'reply', 'enqueue', 'claim', 'completion', 'cursor', 'tick', 'delivery', 'outcome']

/** Of what is not part of every request, or is done for many at once, a process sees little while it lives. */
const latest: Record<string, number> = { claim: 5, completion: 5, cursor: 3, tick: 3, delivery: 3, outcome: 3 }

/** At which passage of a point a process is killed at most, so that most come there. */
export function latestPassage(name: string): number {
  return latest[name.slice(0, name.indexOf(':'))] ?? 10
}

/** What there is on an engine. On SQLite a process syncs by itself; strace holds it there, or lets its disk fail, where it may. */
export function pointsOf(engine: string): readonly string[] {
  const isTraced = engine === 'sqlite' && whyNoStrace() === undefined
  return [
    ...[...names, ...(isTraced ? ['fsync'] : [])].flatMap((name) => [`${name}:before`, `${name}:after`]),
    ...(isTraced ? ['fsync:fails', 'disk:full'] : []),
    ...(engine === 'postgres' ? ['commit:sent'] : []),
  ]
}

let passages: ((name: string) => void) | undefined

/** Goes through a named point. */
export function passing(name: string): void {
  passages?.(name)
}

/** Lets this process end, or stand still, at the nth passage of a point. */
export function setPoint({ name: wanted, nth, act }: PointOptions): void {
  let left = nth
  passages = (name) => {
    if (name !== wanted || --left !== 0) return
    writeSync(2, `\npoint ${name} ${act}\n`)
    process.kill(process.pid, act === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }
}

function stepsOf(sql: string): readonly string[] {
  return steps.filter(([, pattern]) => pattern.test(sql)).map(([step]) => step)
}

const known = new WeakMap<object, readonly string[]>()

/** Watches the drivers of this process. */
export function watchPoints(): void {
  watchSqlite()
  watchPostgres()
  watchReplies()
  watchDeliveries()
}

function passingAll(steps: readonly string[], where: 'before' | 'sent' | 'after'): void {
  for (const step of steps) passing(`${step}:${where}`)
}

function around<T>(steps: readonly string[], work: () => T): T {
  passingAll(steps, 'before')
  const result = work()
  passingAll(steps, 'after')
  return result
}

function watchSqlite(): void {
  const { exec, prepare } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (sql) {
    return around(stepsOf(sql), () => exec.call(this, sql))
  }
  DatabaseSync.prototype.prepare = function (sql, ...rest) {
    const statement = (prepare as (...args: unknown[]) => StatementSync).call(this, sql, ...rest)
    const steps = stepsOf(sql)
    if (steps.length === 0) return statement
    for (const verb of ['run', 'get', 'all'] as const) {
      const inner = statement[verb] as (...values: unknown[]) => unknown
      statement[verb] = ((...values: unknown[]) => around(steps, () => inner.apply(statement, values))) as never
    }
    return statement
  }
}

function watchPostgres(): void {
  const { ask } = PostgresConnection.prototype
  PostgresConnection.prototype.ask = function (operation) {
    const { statement } = operation
    if (!known.has(statement)) known.set(statement, stepsOf(statement.sql))
    const steps = known.get(statement)!
    if (steps.length === 0) return ask.call(this, operation)
    passingAll(steps, 'before')
    // With the end of this tick it is on its way.
    setImmediate(passingAll, steps, 'sent')
    ask.call(this, {
      statement,
      values: operation.values,
      maxRows: operation.maxRows,
      failed: (error) => operation.failed(error),
      done(answer) {
        passingAll(steps, 'after')
        operation.done(answer)
      },
    })
  }
}

/** Of writes: what was only read is owed to nobody. */
function watchReplies(): void {
  const { end } = ServerResponse.prototype
  ServerResponse.prototype.end = function (this: ServerResponse, ...given: unknown[]) {
    const isWrite = this.req.method !== 'GET'
    if (isWrite) passing('reply:before')
    const ended = (end as (...given: unknown[]) => ServerResponse).apply(this, given)
    if (isWrite) passing('reply:after')
    return ended
  } as never
}

/** Nothing but webhooks is sent by a process of its own accord. */
function watchDeliveries(): void {
  const { end } = ClientRequest.prototype
  ClientRequest.prototype.end = function (this: ClientRequest, ...given: unknown[]) {
    passing('delivery:before')
    this.prependOnceListener('response', () => passing('delivery:after'))
    return (end as (...given: unknown[]) => ClientRequest).apply(this, given)
  } as never
}
