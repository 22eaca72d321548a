// Ways to break a promise, which its checker must see: in processes of these tests alone, by changing what they ask of
// their database, or are answered by a receiver, on its way. Nothing in the package knows of this.
import { ClientRequest, type IncomingMessage } from 'node:http'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Statement } from '../../src/storage/index.ts'
import { PostgresConnection } from '../../src/storage/postgres/postgres-connection.ts'
import { SqliteChangeWatch } from '../../src/storage/sqlite/sqlite-change-watch.ts'
import { LogTail } from '../../src/storage/sqlite/sqlite-tail.ts'
import type { PointOptions } from './effects-points.ts'
import type { Testing } from './server.ts'

export interface EffectsTesting {
  point?: PointOptions | undefined
  /** The file of the clock that all processes share. */
  clock: string
  /** The address to which webhooks are sent. */
  receiver: string
  planted?: Planted | undefined
  storage?: Testing
}

export type Planted =
  /** What a refused unit of work has written is not undone. */
  | { name: 'refused stays' }
  /** SQLite: statements that fit are run some milliseconds after the commit that they belong to, in one of their own. */
  | { name: 'late'; pattern: string }
  /** SQLite: what follows the log is given neighbours in each other's place. */
  | { name: 'swapped' }
  /** SQLite: what a process keeps is given again whatever has changed. */
  | { name: 'blind' }
  /** Whatever a receiver of webhooks answers is taken for success. */
  | { name: 'deaf' }

export function plant(planted: Planted): void {
  if (planted.name === 'late') delay(new RegExp(planted.pattern, 'i'))
  else if (planted.name === 'swapped') swapNeighbours()
  else if (planted.name === 'blind') goBlind()
  else if (planted.name === 'deaf') goDeaf()
  else keepRefused()
}

function swapNeighbours(): void {
  const { read } = LogTail.prototype
  LogTail.prototype.read = function (...given) {
    const found = read.apply(this, given)
    for (let at = 1; at < found.length; at += 2) {
      const [one, other] = [found[at - 1]!, found[at]!]
      found[at - 1] = { ...other, position: one.position }
      found[at] = { ...one, position: other.position }
    }
    return found
  }
}

function goBlind(): void {
  const { catchUp } = SqliteChangeWatch.prototype
  SqliteChangeWatch.prototype.catchUp = function (...given) {
    if (!this.isAwake) catchUp.apply(this, given)
  }
  SqliteChangeWatch.prototype.committed = () => {}
}

function goDeaf(): void {
  const { emit } = ClientRequest.prototype
  ClientRequest.prototype.emit = function (this: ClientRequest, event: string, ...given: unknown[]) {
    if (event === 'response') (given[0] as IncomingMessage).statusCode = 204
    return (emit as (...given: unknown[]) => boolean).call(this, event, ...given)
  } as never
}

function keepRefused(): void {
  const { exec } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (sql) {
    return exec.call(this, sql.startsWith('rollback to member') ? 'release member' : sql)
  }
  const { ask } = PostgresConnection.prototype
  const commit: Statement = { sql: 'commit', reach: 'bounded' }
  PostgresConnection.prototype.ask = function (operation) {
    if (operation.statement.sql !== 'rollback') return ask.call(this, operation)
    const { values, maxRows } = operation
    ask.call(this, {
      ...{ statement: commit, values, maxRows },
      done: (answer) => operation.done(answer),
      failed: (error) => operation.failed(error),
    })
  }
}

/** Long enough for answers to leave, and for a process to be killed in between. */
const lateMilliseconds = 20

function delay(pattern: RegExp): void {
  const waiting: (() => void)[] = []
  const { exec, prepare } = DatabaseSync.prototype
  DatabaseSync.prototype.prepare = function (sql, ...rest) {
    const statement = (prepare as (...args: unknown[]) => StatementSync).call(this, sql, ...rest)
    if (!pattern.test(sql)) return statement
    const { run } = statement
    statement.run = (...values: unknown[]) => {
      waiting.push(() => (run as (...values: unknown[]) => void).apply(statement, values))
      return { changes: 1, lastInsertRowid: 0 }
    }
    return statement
  }
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql)
    if (sql !== 'commit' || waiting.length === 0) return
    const late = waiting.splice(0)
    setTimeout(() => {
      for (const write of late) write()
    }, lateMilliseconds)
  }
}
