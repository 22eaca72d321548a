import { constants } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import { type Token, tokensOf } from './sqlite-tokens.ts'

/** Tables of this prefix are Monobloc's own: the commit log, full-text indexes, the rooms' tables. */
export const ownPrefix = 'monobloc_'

// Everything else changes the schema, the connection or the transaction, which belong to all members of a group.
const allowedFirst = new Set(['select', 'values', 'with', 'insert', 'replace', 'update', 'delete', 'explain'])
const writing = new Set(['insert', 'replace', 'update', 'delete'])

/**
 * Refuses SQL that a user may not run inside a unit of work: transaction control, SAVEPOINT, ATTACH, PRAGMA, VACUUM, DDL
 * (deferrable constraints with it), OR ROLLBACK, several statements, writes to Monobloc's own tables. Members of a group
 * share one transaction, and these would reach past the savepoint of one.
 *
 * @throws MonoblocError `statement_refused`
 */
export function checkRaw(sql: string): void {
  // SQLite reads up to U+0000 and leaves the rest unseen.
  if (sql.includes('\0')) throw refused('SQL with U+0000')
  const tokens = tokensOf(sql)
  const first = tokens.find((token) => token.text !== ';')
  if (!first) throw refused('an empty statement')
  const verb = wordOf(first)
  if (!allowedFirst.has(verb)) throw refused(first.text.toUpperCase())
  const end = tokens.findIndex((token) => token.kind === 'symbol' && token.text === ';')
  if (end >= 0 && tokens.slice(end).some((token) => token.text !== ';')) throw refused('several statements')
  tokens.forEach((token, at) => {
    if (wordOf(token) === 'rollback' && /^(or|conflict)$/.test(wordOf(tokens[at - 1]))) throw refused('OR ROLLBACK')
  })
  const writes = tokens.some((token) => writing.has(wordOf(token)))
  if (writes) for (const [at, token] of tokens.entries()) checkTarget(tokens, token, at)
}

// The name after INTO, UPDATE (OR …) or FROM. A FROM of a SELECT inside may read them: the authorizer tells them apart,
// and where there is none (Node before 24.10) such a statement is refused too.
function checkTarget(tokens: readonly Token[], token: Token, at: number): void {
  if (token.kind !== 'word' && token.kind !== 'quoted') return
  if (!token.text.toLowerCase().startsWith(ownPrefix)) return
  const before = tokens[at - 1]?.text === '.' ? tokens[at - 3] : tokens[at - 1]
  const verb = wordOf(before)
  const deleted = verb === 'from' && wordOf(tokens[tokens.indexOf(before!) - 1]) === 'delete'
  const updated = verb === 'update' || wordOf(tokens[at - 3]) === 'update'
  if (verb === 'into' || deleted || updated) throw refused(`a write to ${token.text}`)
}

/**
 * What the database itself asks while it prepares a user's statement: the second fence, which sees what was parsed.
 * Actions are SQLite's authorizer codes; `trigger` is the trigger or view that does it, null for the statement itself.
 */
export function isAllowed(
  action: number,
  first: string | null,
  second: string | null,
  trigger: string | null,
): boolean {
  switch (action) {
    case constants.SQLITE_READ:
    case constants.SQLITE_SELECT:
    case constants.SQLITE_RECURSIVE:
      return true
    case constants.SQLITE_FUNCTION:
      return second !== 'load_extension'
    case constants.SQLITE_INSERT:
    case constants.SQLITE_UPDATE:
    case constants.SQLITE_DELETE:
      return trigger !== null || !first?.toLowerCase().startsWith(ownPrefix)
    case constants.SQLITE_PRAGMA:
      // A full-text index asks it when it is first used.
      return first === 'data_version'
    default:
      return false
  }
}

function wordOf(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toLowerCase() : ''
}

function refused(what: string): MonoblocError {
  return new MonoblocError('statement_refused', { detail: `Refused: ${what}.` })
}
