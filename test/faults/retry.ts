import type { Acknowledged, Answer, Sent } from './acknowledged.ts'
import { Connection } from './connection.ts'
import type { Random } from './random.ts'
import { record } from './workload.ts'

// Of the keys that were answered before, so many are asked again after each start.
const answeredAgain = 5

/**
 * Sends requests with an Idempotency-Key again: all whose answer was lost, and some that were answered. Every answer must
 * be the first one, byte by byte; the database is checked for a second effect by whoever looks at it next.
 */
export async function retryKeys(
  port: number,
  ledger: Acknowledged,
  random: Random,
): Promise<{ count: number; violations: string[] }> {
  const keyed = [...ledger.of('hit'), ...ledger.of('outside')]
  const lost = keyed.filter(({ outcome, answer }) => !answer && outcome !== 'refused' && outcome !== 'unresolved')
  const answered = keyed.filter(({ answer }) => answer !== undefined)
  const unresolved = keyed.filter(({ outcome }) => outcome === 'unresolved')
  const again = [...random.some(answered, answeredAgain), ...random.some(unresolved, 1)]
  const connection = new Connection(port)
  const violations: string[] = []
  try {
    // Twice: the first answer after a crash must be the second one too.
    for (const sent of [...lost, ...again, ...lost]) violations.push(...(await retry(connection, sent)))
  } finally {
    connection.close()
  }
  return { count: lost.length * 2 + again.length, violations }
}

async function retry(connection: Connection, sent: Sent): Promise<string[]> {
  const { id, kind } = sent.operation
  const before = sent.answer
  const answer = await connection.send(sent.operation)
  if (!answer) return [`retry of ${id}: no answer`]
  if (kind === 'outside' && isUnresolved(answer)) {
    if (before) return [`retry of ${id}: its outcome is not known any more`]
    sent.outcome = 'unresolved'
    return []
  }
  if (sent.outcome === 'unresolved') return [`retry of ${id}: ${answer.status} where the outcome was not known before`]
  if (answer.status !== 201) return [`retry of ${id}: ${answer.status} ${answer.body}`]
  record(sent, answer)
  return before && !isSame(before, answer)
    ? [`retry of ${id}: ${JSON.stringify(answer)} where the first was ${JSON.stringify(before)}`]
    : []
}

function isUnresolved({ status, body }: Answer): boolean {
  return status === 409 && body.includes('outcome_unknown')
}

function isSame(one: Answer, other: Answer): boolean {
  return one.status === other.status && one.body === other.body && one.declared === other.declared
}
