import { type Token, tokensOf } from './sqlite-tokens.ts'

/** One statement of a script. */
export interface ScriptStatement {
  sql: string
  tokens: Token[]
}

/** Cuts a script at its semicolons; those inside a trigger's body are part of it. */
export function statementsOf(script: string): ScriptStatement[] {
  const statements: ScriptStatement[] = []
  let tokens: Token[] = []
  for (const token of tokensOf(script)) {
    if (token.kind === 'symbol' && token.text === ';') {
      if (tokens.length === 0) continue
      if (!isTrigger(tokens) || isEnded(tokens)) {
        statements.push({ sql: script.slice(tokens[0]!.start, tokens.at(-1)!.end), tokens })
        tokens = []
        continue
      }
    }
    tokens.push(token)
  }
  if (tokens.length > 0) statements.push({ sql: script.slice(tokens[0]!.start, tokens.at(-1)!.end), tokens })
  return statements
}

/** The first words, in lower case. */
export function wordsOf({ tokens }: ScriptStatement, count: number): string[] {
  return tokens.slice(0, count).map(({ kind, text }) => (kind === 'word' ? text.toLowerCase() : ''))
}

function isTrigger(tokens: readonly Token[]): boolean {
  const [first, ...rest] = tokens.slice(0, 3).map(({ text }) => text.toLowerCase())
  return first === 'create' && rest.includes('trigger')
}

// A body's statements end in semicolons, so that its END follows one.
function isEnded(tokens: readonly Token[]): boolean {
  return tokens.at(-1)!.text.toLowerCase() === 'end' && tokens.at(-2)?.text === ';'
}

/** What a statement does to the schema, as far as it must be known: which table or column, and its name after. */
export type SchemaAct =
  | { act: 'create table' | 'drop table' | 'drop index'; name: string }
  | { act: 'create index'; name: string; table: string }
  | { act: 'rename table'; name: string; to: string }
  | { act: 'rename column'; name: string; column: string; to: string }
  | { act: 'add column' | 'drop column'; name: string; column: string }
  | undefined

export function schemaAct(statement: ScriptStatement): SchemaAct {
  const tokens = statement.tokens.filter(({ kind, text }) => kind !== 'symbol' || text === '.' || text === '(')
  const at = (place: number) => tokens[place]?.text ?? ''
  const word = (place: number) => (tokens[place]?.kind === 'word' ? at(place).toLowerCase() : '')
  // `IF NOT EXISTS`, `IF EXISTS`, `main.`
  const nameAfter = (place: number): number => {
    let found = place
    while (['if', 'not', 'exists'].includes(word(found))) found++
    return at(found + 1) === '.' ? found + 2 : found
  }
  if (word(0) === 'create' && word(1) === 'table') return { act: 'create table', name: at(nameAfter(2)) }
  if (word(0) === 'drop' && word(1) === 'table') return { act: 'drop table', name: at(nameAfter(2)) }
  if (word(0) === 'drop' && word(1) === 'index') return { act: 'drop index', name: at(nameAfter(2)) }
  if (word(0) === 'create' && (word(1) === 'index' || (word(1) === 'unique' && word(2) === 'index'))) {
    const name = nameAfter(word(1) === 'index' ? 2 : 3)
    return { act: 'create index', name: at(name), table: at(name + 2) }
  }
  if (word(0) !== 'alter' || word(1) !== 'table') return undefined
  return alteration(nameAfter(2), at, word)
}

function alteration(place: number, at: (place: number) => string, word: (place: number) => string): SchemaAct {
  const name = at(place)
  const verb = word(place + 1)
  const next = word(place + 2) === 'column' ? place + 3 : place + 2
  switch (verb) {
    case 'rename':
      if (word(place + 2) === 'to') return { act: 'rename table', name, to: at(place + 3) }
      return { act: 'rename column', name, column: at(next), to: at(next + 2) }
    case 'add':
      return { act: 'add column', name, column: at(next) }
    case 'drop':
      return { act: 'drop column', name, column: at(next) }
    default:
      return undefined
  }
}
