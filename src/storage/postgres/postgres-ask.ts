import type { SqlRow, SqlValue, Statement } from '../storage.ts'
import { type Answer, Skipped } from './postgres-batch.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { parseCells, wireValues } from './postgres-values.ts'

/**
 * Asks statements that go to the server in one write: one round trip, however many they are. The rows of each; the first
 * that fails rejects, and the rest is not begun. No transaction is open before, and none is afterwards.
 */
export type AskTogether = (
  statements: readonly (readonly [statement: Statement, values: readonly SqlValue[]])[],
) => Promise<SqlRow[][]>

const rollback: Statement = { sql: 'rollback', reach: 'bounded' }

/** On a connection that nobody else uses meanwhile. */
export function askOn(connection: PostgresConnection): AskTogether {
  return async (statements) => {
    const asked = statements.map(
      ([statement, values]) =>
        new Promise<SqlRow[]>((resolve, reject) =>
          connection.ask({
            statement,
            values: wireValues(values),
            maxRows: Infinity,
            done: (answer) => resolve(recordsOf(answer)),
            failed: reject,
          }),
        ),
    )
    const answers = await Promise.allSettled(asked)
    const failures = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    if (failures.length === 0) return answers.map((one) => (one as PromiseFulfilledResult<SqlRow[]>).value)
    connection.tell(rollback)
    throw failures.find((error) => !(error instanceof Skipped)) ?? failures[0]
  }
}

function recordsOf({ fields, rows, parsers }: Answer): SqlRow[] {
  return rows.map((cells) => {
    const values = parseCells(cells, parsers)
    return Object.fromEntries(fields.map(({ name }, at) => [name, values[at]!]))
  })
}
