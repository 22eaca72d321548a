/** A token of SQLite's grammar. `text` is the content without quotes; words are as written. */
export interface Token {
  kind: 'word' | 'quoted' | 'string' | 'number' | 'variable' | 'symbol'
  text: string
  /** Where it begins, and where it ends (exclusive). */
  start: number
  end: number
}

const space = /[ \t\n\f\r]/
const digit = /[0-9]/
// What SQLite takes as part of a name: every byte above 0x7f is.
const nameCharacter = /[A-Za-z0-9_$\u0080-\uffff]/

const closing: Record<string, string> = { "'": "'", '"': '"', '`': '`', '[': ']' }

/**
 * The tokens of SQL text, without white space and comments, cut as SQLite cuts them (sqlite3GetToken): what looks like a
 * word inside a string or a comment is not one.
 */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < sql.length; ) {
    const end = endOfToken(sql, at)
    const kind = kindAt(sql, at)
    if (kind) tokens.push({ kind, text: textOf(sql, kind, at, end), start: at, end })
    at = end
  }
  return tokens
}

function kindAt(sql: string, at: number): Token['kind'] | undefined {
  const character = sql[at]!
  if (space.test(character) || isComment(sql, at)) return undefined
  if (character === "'") return 'string'
  if (character in closing) return 'quoted'
  if (digit.test(character)) return 'number'
  if (isVariable(sql, at)) return 'variable'
  return nameCharacter.test(character) ? 'word' : 'symbol'
}

function endOfToken(sql: string, at: number): number {
  const character = sql[at]!
  if (isComment(sql, at)) return endOfComment(sql, at)
  if (character in closing) return endOfQuoted(sql, at, closing[character]!)
  if (isVariable(sql, at)) return endOfVariable(sql, at)
  if (!nameCharacter.test(character)) return at + 1
  let end = at + 1
  // A number with an exponent's sign or a point is cut in two here, which changes nothing for who reads the tokens.
  while (end < sql.length && nameCharacter.test(sql[end]!)) end++
  return end
}

function isComment(sql: string, at: number): boolean {
  return (sql[at] === '-' && sql[at + 1] === '-') || (sql[at] === '/' && sql[at + 1] === '*')
}

function endOfComment(sql: string, at: number): number {
  const end = sql[at] === '-' ? sql.indexOf('\n', at) : sql.indexOf('*/', at + 2)
  if (end < 0) return sql.length
  return sql[at] === '-' ? end + 1 : end + 2
}

function endOfQuoted(sql: string, at: number, quote: string): number {
  for (let end = at + 1; end < sql.length; end++) {
    if (sql[end] !== quote) continue
    // A doubled quote stands for itself, but not in brackets.
    if (quote === ']' || sql[end + 1] !== quote) return end + 1
    end++
  }
  return sql.length
}

function isVariable(sql: string, at: number): boolean {
  return /[?:@#$]/.test(sql[at]!)
}

// `$name::part(anything without white space)` is one token too, whatever quotes it holds.
function endOfVariable(sql: string, at: number): number {
  let end = at + 1
  if (sql[at] === '?') {
    while (end < sql.length && digit.test(sql[end]!)) end++
    return end
  }
  let characters = 0
  for (; end < sql.length; end++) {
    if (nameCharacter.test(sql[end]!)) characters++
    else if (sql[end] === '(' && characters > 0) {
      do end++
      while (end < sql.length && sql[end] !== ')' && !space.test(sql[end]!))
      return sql[end] === ')' ? end + 1 : end
    } else if (sql[end] === ':' && sql[end + 1] === ':') end++
    else break
  }
  return end
}

function textOf(sql: string, kind: Token['kind'], start: number, end: number): string {
  if (kind !== 'string' && kind !== 'quoted') return sql.slice(start, end)
  const quote = closing[sql[start]!]!
  const inner = sql.slice(start + 1, sql[end - 1] === quote && end - 1 > start ? end - 1 : end)
  return quote === ']' ? inner : inner.replaceAll(quote + quote, quote)
}
