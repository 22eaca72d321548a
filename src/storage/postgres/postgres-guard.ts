import { MonoblocError } from '../../errors.ts'
import { type Token, tokensOf } from './postgres-tokens.ts'

// Everything else changes the schema, the session or the transaction, which others use too.
const allowedFirst = new Set(['select', 'values', 'table', 'with', 'insert', 'update', 'delete', 'merge', 'explain'])
const ownPrefix = 'monobloc_'

/**
 * Functions by which a statement reaches beyond its transaction: settings and locks that stay on a connection which others
 * get next, other sessions, and files of the server's.
 */
const refusedFunctions = new Set([
  'set_config', 'pg_advisory_lock', 'pg_advisory_lock_shared', 'pg_try_advisory_lock', 'pg_try_advisory_lock_shared',
  'pg_advisory_unlock', 'pg_advisory_unlock_shared', 'pg_advisory_unlock_all', 'pg_terminate_backend', 'pg_cancel_backend',
  'pg_reload_conf', 'pg_rotate_logfile', 'pg_promote', 'pg_switch_wal', 'pg_read_file', 'pg_read_binary_file', 'lo_import',
  'lo_export', 'dblink', 'dblink_exec', 'dblink_connect', 'query_to_xml', 'setseed',
]) // biome-ignore format: a list

/**
 * Refuses SQL that a user may not run inside a unit of work: transaction control, SAVEPOINT, SET, LISTEN, COPY, PREPARE,
 * DDL, several statements, session-level advisory locks, and writes to Monobloc's own tables. Connections are shared, and
 * so may be the transaction.
 *
 * @throws MonoblocError `statement_refused`
 */
export function checkRaw(sql: string): void {
  if (sql.includes('\0')) throw refused('SQL with U+0000')
  const tokens = tokensOf(sql)
  const first = tokens.find(({ text, kind }) => !(kind === 'symbol' && (text === ';' || text === '(')))
  if (!first) throw refused('an empty statement')
  if (!allowedFirst.has(wordOf(first))) throw refused(first.text.toUpperCase())
  const end = tokens.findIndex(isSemicolon)
  if (end >= 0 && tokens.slice(end).some((token) => !isSemicolon(token))) throw refused('several statements')
  for (const [at, token] of tokens.entries()) {
    checkCall(tokens, token, at)
    checkTarget(tokens, token, at)
    // Outside an INSERT or a MERGE, INTO makes a table of what was selected.
    if (wordOf(token) === 'into' && !/^(insert|merge)$/.test(wordOf(tokens[at - 1]))) throw refused('SELECT INTO')
  }
}

function checkCall(tokens: readonly Token[], token: Token, at: number): void {
  const name = nameOf(token)
  if (name !== undefined && refusedFunctions.has(name) && tokens[at + 1]?.text === '(') throw refused(name)
}

// The name after INSERT INTO, MERGE INTO, UPDATE or DELETE FROM, with ONLY and a schema before it.
function checkTarget(tokens: readonly Token[], token: Token, at: number): void {
  const name = nameOf(token)
  if (!name?.startsWith(ownPrefix)) return
  let before = at - 1
  while (tokens[before]?.text === '.') before -= 2
  if (wordOf(tokens[before]) === 'only') before--
  const verb = wordOf(tokens[before])
  const isDeleted = verb === 'from' && wordOf(tokens[before - 1]) === 'delete'
  if (verb === 'into' || verb === 'update' || isDeleted) throw refused(`a write to ${token.text}`)
}

function isSemicolon({ kind, text }: Token): boolean {
  return kind === 'symbol' && text === ';'
}

/** A name as the catalog has it. */
function nameOf({ kind, text }: Token): string | undefined {
  if (kind === 'word') return text.toLowerCase()
  return kind === 'quoted' ? text : undefined
}

function wordOf(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toLowerCase() : ''
}

function refused(what: string): MonoblocError {
  return new MonoblocError('statement_refused', { detail: `Refused: ${what}.` })
}
