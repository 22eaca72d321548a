/**
 * A reader process: it answers one snapshot's statements at a time and may be killed at any moment, which is the only
 * way to stop a statement that runs. It opens the file read-only, so that its end leaves nothing half done.
 */
import { Worker } from 'node:worker_threads'
import type { Statement } from '../storage.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { foldFunction } from './sqlite-fold.ts'
import { addFold, openConnection } from './sqlite-open.ts'
import { type ReaderAnswer, type ReaderRequest, sentError } from './sqlite-reader-messages.ts'
import { maxRows } from './sqlite-write-session.ts'

/** Statements by their SQL, so that what the connection prepared is found again. It keeps no more than that itself. */
const statements = new Map<string, Statement>()
const keptStatements = 256

const [file, cacheKib, parent] = process.argv.slice(2) as [string, string, string]
let connection: SqliteConnection | undefined
let folds = false

async function answer(request: ReaderRequest): Promise<void> {
  if (!('id' in request)) {
    if (connection?.db.isTransaction) connection.db.exec('rollback')
    return
  }
  let message: ReaderAnswer
  try {
    if (!folds && request.sql.includes(foldFunction)) await learnToFold()
    message = { id: request.id, result: resultOf(request) }
  } catch (error) {
    message = { id: request.id, error: sentError(error) }
  }
  process.send!(message)
}

// What folds case comes with the whole schema room, which takes longer to load than most reads take.
async function learnToFold(): Promise<void> {
  const { foldCase } = await import('../../schema/index.ts')
  addFold(opened().db, foldCase)
  folds = true
}

function opened(): SqliteConnection {
  connection ??= openConnection(file, {
    ...{ readOnly: true, cacheKib: Number(cacheKib), fold: undefined },
    // It is killed when its read has waited for too long.
    lockMillis: 60_000,
  })
  return connection
}

function resultOf(request: Extract<ReaderRequest, { id: number }>): unknown {
  const connection = opened()
  // The snapshot begins with the first statement.
  if (!connection.db.isTransaction) connection.db.exec('begin')
  switch (request.kind) {
    case 'all':
      return connection.allUpTo(statementOf(request.sql), request.values, maxRows)
    case 'first':
      return connection.first(statementOf(request.sql), request.values)
    case 'cells':
      return connection.cells(statementOf(request.sql), request.values)
    case 'rows':
      return connection.rowsUpTo(statementOf(request.sql), request.values, maxRows)
    case 'raw':
      return connection.raw(request.sql, request.values, maxRows)
  }
}

function statementOf(sql: string): Statement {
  let statement = statements.get(sql)
  if (!statement) {
    if (statements.size >= keptStatements) statements.clear()
    statement = { sql, reach: 'bounded' }
    statements.set(sql, statement)
  }
  return statement
}

process.on('message', answer)
// The parent is gone, or wants this process no more.
process.on('disconnect', () => process.exit(0))
// Signals reach the whole group: the parent decides when its readers end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

// While a statement runs this thread hears nothing, not even that its parent was killed: another one watches for that.
const watch = `
  const { workerData } = require('node:worker_threads')
  setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL') }, 1000)
`
new Worker(watch, {
  eval: true,
  workerData: Number(parent),
  resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 },
}).unref()
