import { type Token, tokensOf } from './postgres-tokens.ts'

/** One statement of a script. */
export interface ScriptStatement {
  sql: string
  tokens: Token[]
}

/** Cuts a script at its semicolons; a function's body is a string, and may hold some. */
export function statementsOf(script: string): ScriptStatement[] {
  const statements: ScriptStatement[] = []
  let tokens: Token[] = []
  const end = () => {
    if (tokens.length > 0) statements.push({ sql: script.slice(tokens[0]!.start, tokens.at(-1)!.end), tokens })
    tokens = []
  }
  for (const token of tokensOf(script)) {
    if (token.kind === 'symbol' && token.text === ';') end()
    else tokens.push(token)
  }
  end()
  return statements
}

/** The first words, in lower case. */
export function wordsOf({ tokens }: ScriptStatement, count: number): string[] {
  return tokens.slice(0, count).map(wordOf)
}

function wordOf(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toLowerCase() : ''
}

/** What a statement does to the schema, as far as it must be known. Names are as the catalog has them. */
export type SchemaAct =
  | { act: 'create table' | 'drop table' | 'alter table'; name: string }
  | { act: 'create index'; name: string; table: string; unique: boolean; concurrently: boolean }
  | { act: 'drop index'; name: string; concurrently: boolean }
  | { act: 'rename table'; name: string; to: string }
  | { act: 'rename column'; name: string; column: string; to: string }
  | { act: 'add column' | 'drop column'; name: string; column: string }
  | { act: 'add constraint'; name: string; constraint: string; unchecked: boolean }
  | { act: 'drop constraint' | 'validate constraint'; name: string; constraint: string }
  | { act: 'set not null' | 'drop not null'; name: string; column: string }
  /** A table's rows. */
  | { act: 'update'; name: string }

/** Undefined for what changes no table, as far as can be told. */
export function schemaAct({ tokens }: ScriptStatement): SchemaAct | undefined {
  const read = new Reader(tokens)
  switch (read.word()) {
    case 'create':
      return creation(read)
    case 'drop':
      return dropping(read)
    case 'alter':
      return read.skip('table') ? alteration(read) : undefined
    case 'update':
      read.skip('only')
      return { act: 'update', name: read.name() }
    default:
      return undefined
  }
}

function creation(read: Reader): SchemaAct | undefined {
  while (read.skip('unlogged'));
  if (read.skip('table')) return { act: 'create table', name: read.conditional().name() }
  const unique = read.skip('unique')
  if (!read.skip('index')) return undefined
  const concurrently = read.skip('concurrently')
  const name = read.conditional().name()
  read.skip('on')
  read.skip('only')
  return { act: 'create index', name, table: read.name(), unique, concurrently }
}

function dropping(read: Reader): SchemaAct | undefined {
  if (read.skip('table')) return { act: 'drop table', name: read.conditional().name() }
  if (!read.skip('index')) return undefined
  const concurrently = read.skip('concurrently')
  return { act: 'drop index', name: read.conditional().name(), concurrently }
}

function alteration(read: Reader): SchemaAct {
  read.conditional().skip('only')
  const name = read.name()
  const other: SchemaAct = { act: 'alter table', name }
  // Several at once are none of these.
  if (read.hasComma()) return other
  switch (read.word()) {
    case 'rename': {
      if (read.skip('to')) return { act: 'rename table', name, to: read.name() }
      if (read.skip('constraint')) return other
      read.skip('column')
      const column = read.name()
      read.skip('to')
      return { act: 'rename column', name, column, to: read.name() }
    }
    case 'add':
      if (read.skip('constraint')) {
        const constraint = read.name()
        return { act: 'add constraint', name, constraint, unchecked: read.endsWith('not', 'valid') }
      }
      if (read.isAny('check', 'unique', 'primary', 'foreign', 'exclude')) return other
      read.skip('column')
      return { act: 'add column', name, column: read.conditional().name() }
    case 'drop':
      if (read.skip('constraint')) return { act: 'drop constraint', name, constraint: read.conditional().name() }
      read.skip('column')
      return { act: 'drop column', name, column: read.conditional().name() }
    case 'validate':
      read.skip('constraint')
      return { act: 'validate constraint', name, constraint: read.name() }
    case 'alter': {
      read.skip('column')
      const column = read.name()
      if (read.endsWith('set', 'not', 'null')) return { act: 'set not null', name, column }
      return read.endsWith('drop', 'not', 'null') ? { act: 'drop not null', name, column } : other
    }
    default:
      return other
  }
}

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  word(): string {
    return wordOf(this.#tokens[this.#at++])
  }

  skip(word: string): boolean {
    if (wordOf(this.#tokens[this.#at]) !== word) return false
    this.#at++
    return true
  }

  /** `IF EXISTS`, `IF NOT EXISTS`. */
  conditional(): this {
    if (this.skip('if')) {
      this.skip('not')
      this.skip('exists')
    }
    return this
  }

  isAny(...words: string[]): boolean {
    return words.includes(wordOf(this.#tokens[this.#at]))
  }

  endsWith(...words: string[]): boolean {
    const last = this.#tokens.slice(-words.length).map(wordOf)
    return words.every((word, at) => last[at] === word)
  }

  /** Between two actions of one ALTER TABLE. */
  hasComma(): boolean {
    let depth = 0
    for (const { kind, text } of this.#tokens.slice(this.#at)) {
      if (kind !== 'symbol') continue
      if (text === '(' || text === '[') depth++
      if (text === ')' || text === ']') depth--
      if (text === ',' && depth === 0) return true
    }
    return false
  }

  /** The last part of a name. */
  name(): string {
    const token = this.#tokens[this.#at++]
    if (this.#tokens[this.#at]?.text === '.' && this.#tokens[this.#at]!.kind === 'symbol') {
      this.#at++
      return this.name()
    }
    return token === undefined ? '' : nameOf(token)
  }
}

/** Words are folded, as the server does. */
export function nameOf({ kind, text }: Token): string {
  return kind === 'word' ? text.toLowerCase() : text
}
