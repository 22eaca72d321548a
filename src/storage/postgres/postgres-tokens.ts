/** A token of PostgreSQL's grammar. `text` is the content without quotes; words are as written. */
export interface Token {
  kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol'
  text: string
  /** Where it begins, and where it ends (exclusive). */
  start: number
  end: number
}

// In the order in which they are tried. What is not closed ends with the text, as the server would refuse it anyway.
const patterns: readonly (readonly [Token['kind'] | 'nothing', RegExp])[] = [
  ['nothing', /[ \t\n\r\f\v]+|--[^\n]*/y],
  ['string', /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/y],
  ['string', /(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)/y],
  ['quoted', /(?:[uU]&)?"(?:[^"]|"")*(?:"|$)/y],
  ['parameter', /\$\d+/y],
  ['number', /\d[\w.]*/y],
  ['word', /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ['symbol', /[\s\S]/y],
]
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y

/** The tokens of SQL text, without white space and comments: what looks like a word inside a string is not one. */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < sql.length; ) {
    const [kind, end] = nextToken(sql, at)
    if (kind !== 'nothing') tokens.push({ kind, text: contentOf(kind, sql.slice(at, end)), start: at, end })
    at = end
  }
  return tokens
}

function nextToken(sql: string, at: number): [Token['kind'] | 'nothing', number] {
  if (sql.startsWith('/*', at)) return ['nothing', endOfComment(sql, at)]
  dollarQuote.lastIndex = at
  const [tag] = dollarQuote.exec(sql) ?? []
  if (tag) {
    const end = sql.indexOf(tag, at + tag.length)
    return ['string', end < 0 ? sql.length : end + tag.length]
  }
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at
    if (pattern.test(sql)) return [kind, pattern.lastIndex]
  }
  return ['symbol', at + 1]
}

// Unlike SQLite's, PostgreSQL's comments hold others.
function endOfComment(sql: string, start: number): number {
  let depth = 0
  for (let at = start; at < sql.length; at++) {
    const two = sql.slice(at, at + 2)
    if (two !== '/*' && two !== '*/') continue
    depth += two === '/*' ? 1 : -1
    at++
    if (depth === 0) return at + 1
  }
  return sql.length
}

function contentOf(kind: Token['kind'], text: string): string {
  if (kind === 'quoted')
    return text.slice(text.indexOf('"') + 1, text.endsWith('"') ? -1 : undefined).replaceAll('""', '"')
  if (kind !== 'string') return text
  if (text.startsWith('$')) return text.slice(text.indexOf('$', 1) + 1, text.lastIndexOf('$', text.length - 2))
  return text.slice(text.indexOf("'") + 1, text.endsWith("'") ? -1 : undefined).replaceAll("''", "'")
}
