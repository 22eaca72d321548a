import type { Acknowledged, Answer } from './acknowledged.ts'
import type { Connection } from './connection.ts'
import { accounts, openingBalance } from './operation.ts'

/** Reads a slot that nobody else changes: it shows what was acknowledged last, on whatever connection it is read. */
export async function checkNoteRead(connection: Connection, ledger: Acknowledged, slot: string): Promise<string[]> {
  const expected = ledger.note(slot)
  const answer = await connection.ask('GET', `/notes/${slot}`)
  if (!answer || isShed(answer)) return []
  if (!expected) return answer.status === 404 ? [] : [`read of note ${slot}: ${show(answer)} where it was deleted`]
  const found = answer.status === 200 ? JSON.parse(answer.body) : {}
  const tags = (found.tags ?? []).map(({ name }: { name: string }) => name).sort()
  const isSame = found.title === expected.title && found.body === expected.body && tags.join() === expected.tags.join()
  return isSame ? [] : [`read of note ${slot}: ${show(answer)} where "${expected.title}" was acknowledged`]
}

/**
 * Adds up every account in one read: transfers under way are in none of it or in all of it.
 *
 * @param must no answer, or 503, is wrong too
 */
export async function checkSumRead(connection: Connection, must = false): Promise<string[]> {
  const answer = await connection.ask('GET', '/count')
  if (!must && (!answer || isShed(answer))) return []
  if (!answer) return ['read of all accounts: no answer']
  const isRight = answer.status === 200 && JSON.parse(answer.body).balance === accounts.length * openingBalance
  return isRight ? [] : [`read of all accounts: ${show(answer)}`]
}

function isShed({ status }: Answer): boolean {
  return status === 503
}

function show({ status, body }: Answer): string {
  return `${status} ${body.slice(0, 200)}`
}
