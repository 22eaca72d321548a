import type { DatabaseSync } from 'node:sqlite'
import { type Token, tokensOf } from './sqlite-tokens.ts'

/** A table as the database has it. */
export interface ActualTable {
  name: string
  strict: boolean
  withoutRowid: boolean
  counted: boolean
  columns: Map<string, ActualColumn>
  /** Names of the key's columns, in its order. */
  key: string[]
  references: Map<string, ActualReference>
  /** Named CHECKs: the tokens of the expression. */
  checks: Map<string, string>
  indexes: Map<string, ActualIndex>
  /** Every trigger on it: its normalised text. */
  triggers: Map<string, string>
}

interface ActualColumn {
  name: string
  type: string
  nullable: boolean
  default: string | undefined
}

interface ActualReference {
  table: string
  to: string
  onDelete: string
}

interface ActualIndex {
  unique: boolean
  sql: string
}

/** SQL without what does not count: white space, comments, and how keywords are written. */
export function normalised(sql: string): string {
  return joined(tokensOf(sql))
}

function joined(tokens: readonly Token[]): string {
  return tokens.map(({ kind, text }) => (kind === 'word' ? text.toLowerCase() : `${kind}:${text}`)).join(' ')
}

/** Reads a table's shape, or undefined when there is none of that name. */
export function readTable(db: DatabaseSync, name: string): ActualTable | undefined {
  const found = db.prepare("select sql from sqlite_schema where type = 'table' and name = ?").get(name)
  if (!found) return undefined
  const sql = found.sql as string
  const listed = db.prepare("select wr, strict from pragma_table_list where schema = 'main' and name = ?").get(name)!
  const columns = db.prepare('select * from pragma_table_xinfo(?)').all(name)
  return {
    name,
    strict: listed.strict === 1,
    withoutRowid: listed.wr === 1,
    counted: tokensOf(sql).some(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'autoincrement'),
    columns: new Map(columns.map((row) => [row.name as string, actualColumn(row)])),
    key: columns
      .filter((row) => Number(row.pk) > 0)
      .sort((a, b) => Number(a.pk) - Number(b.pk))
      .map((row) => row.name as string),
    references: readReferences(db, name),
    checks: readChecks(sql),
    indexes: readIndexes(db, name),
    triggers: readTriggers(db, name),
  }
}

function actualColumn(row: Record<string, unknown>): ActualColumn {
  return {
    name: row.name as string,
    type: row.type as string,
    nullable: row.notnull === 0,
    default: (row.dflt_value as string | null) ?? undefined,
  }
}

function readReferences(db: DatabaseSync, table: string): ActualTable['references'] {
  const rows = db.prepare('select * from pragma_foreign_key_list(?)').all(table)
  return new Map(
    rows.map((row) => [
      row.from as string,
      { table: row.table as string, to: row.to as string, onDelete: row.on_delete as string },
    ]),
  )
}

function readIndexes(db: DatabaseSync, table: string): ActualTable['indexes'] {
  const rows = db
    .prepare(
      `select s.name, s.sql, l."unique" from sqlite_schema s, pragma_index_list(?1) l
       where s.type = 'index' and s.tbl_name = ?1 and s.name = l.name and s.sql is not null`,
    )
    .all(table)
  return new Map(
    rows.map((row) => [row.name as string, { unique: row.unique === 1, sql: normalised(row.sql as string) }]),
  )
}

function readTriggers(db: DatabaseSync, table: string): ActualTable['triggers'] {
  const rows = db.prepare("select name, sql from sqlite_schema where type = 'trigger' and tbl_name = ?").all(table)
  return new Map(rows.map((row) => [row.name as string, normalised(row.sql as string)]))
}

// CHECKs stand in no pragma, only in the text of CREATE TABLE.
function readChecks(sql: string): Map<string, string> {
  const checks = new Map<string, string>()
  const tokens = tokensOf(sql)
  tokens.forEach((token, at) => {
    if (token.kind !== 'word' || token.text.toLowerCase() !== 'check') return
    const named = tokens[at - 2]?.text.toLowerCase() === 'constraint' && tokens[at - 2]!.kind === 'word'
    const expression = joined(insideParentheses(tokens, at + 1))
    checks.set(named ? tokens[at - 1]!.text : `unnamed ${expression}`, expression)
  })
  return checks
}

function insideParentheses(tokens: readonly Token[], from: number): Token[] {
  let depth = 0
  for (let at = from; at < tokens.length; at++) {
    if (tokens[at]!.kind !== 'symbol') continue
    if (tokens[at]!.text === '(') depth++
    if (tokens[at]!.text === ')' && --depth === 0) return tokens.slice(from + 1, at)
  }
  return tokens.slice(from + 1)
}
