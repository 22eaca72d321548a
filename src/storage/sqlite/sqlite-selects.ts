import { type Token, tokensOf } from './sqlite-tokens.ts'

/** What the text of one SELECT says and its plan does not. */
export interface SelectText {
  /** Tables by the name under which the plan speaks of them. */
  tables: Map<string, string>
  /** How many conditions stand side by side in WHERE, inner joins among them; 0 without one. */
  conditions: number
  hasLimit: boolean
  /** GROUP BY, DISTINCT or an aggregate: every row is looked at before the first comes out. */
  isAggregate: boolean
  /** The clause of the SELECT around it in which it stands. */
  within: Clause | undefined
  /** Columns as written: compared with `=` or `in` in WHERE, compared otherwise, and in ORDER BY. */
  equal: Set<string>
  compared: Set<string>
  ordered: string[]
}

type Clause = 'columns' | 'from' | 'where' | 'rest'

interface Frame {
  select: SelectText
  clause: Clause
  expectsTable: boolean
  isOrder: boolean
  isBetween: boolean
}

const aggregates = /^(count|sum|total|avg|min|max|group_concat|string_agg|json_group_array|json_group_object)$/
const joinWords =
  /^(join|on|using|where|left|right|full|inner|outer|cross|natural|order|group|limit|window|having|union|intersect|except|indexed|not)$/
const compounds = /^(union|intersect|except)$/

/** Every SELECT of a statement, outermost first. */
export function selectsOf(sql: string): SelectText[] {
  const tokens = tokensOf(sql)
  const selects: SelectText[] = []
  // By depth of parentheses.
  const frames: (Frame | undefined)[] = [undefined]
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!
    const frame = frames.at(-1)
    if (token.kind === 'symbol' && token.text === '(') {
      frames.push(undefined)
    } else if (token.kind === 'symbol' && token.text === ')') {
      frames.pop()
    } else if (wordOf(token) === 'select') {
      const outer = frames.slice(0, -1).findLast((one) => one !== undefined)
      const made = newFrame(outer?.clause)
      frames[frames.length - 1] = made
      selects.push(made.select)
    } else if (frame) {
      at = readToken(frame, tokens, at)
    } else {
      readCondition(
        frames.findLast((one) => one !== undefined),
        tokens,
        at,
      )
    }
  }
  return selects
}

function newFrame(within: Clause | undefined): Frame {
  const select: SelectText = {
    tables: new Map(),
    conditions: 0,
    hasLimit: false,
    isAggregate: false,
    within,
    equal: new Set(),
    compared: new Set(),
    ordered: [],
  }
  return { select, clause: 'columns', expectsTable: false, isOrder: false, isBetween: false }
}

/** Returns the place of the last token that it took. */
function readToken(frame: Frame, tokens: readonly Token[], at: number): number {
  const token = tokens[at]!
  const word = wordOf(token)
  if (startClause(frame, word, tokens, at)) return at
  if (frame.clause === 'columns') {
    if (word === 'distinct' || (aggregates.test(word) && tokens[at + 1]?.text === '(')) frame.select.isAggregate = true
    return at
  }
  if (frame.clause === 'from') return readFrom(frame, tokens, at)
  if (frame.clause === 'where') {
    if (word === 'between') frame.isBetween = true
    if (word === 'and' && !frame.isBetween) frame.select.conditions++
    else if (word === 'and') frame.isBetween = false
    readCondition(frame, tokens, at)
  }
  if (
    frame.isOrder &&
    isName(token) &&
    tokens[at + 1]?.text !== '.' &&
    !/^(asc|desc|nulls|last|first|by)$/.test(word)
  ) {
    frame.select.ordered.push(token.text)
  }
  return at
}

function startClause(frame: Frame, word: string, tokens: readonly Token[], at: number): boolean {
  if (word === 'from' && wordOf(tokens[at - 1]) !== 'distinct') {
    frame.clause = 'from'
    frame.expectsTable = true
    return true
  }
  if (word === 'where') {
    frame.clause = 'where'
    frame.select.conditions++
    return true
  }
  if (!/^(group|having|window|order|limit)$/.test(word) && !compounds.test(word)) return false
  frame.clause = 'rest'
  frame.isOrder = word === 'order'
  if (word === 'group') frame.select.isAggregate = true
  if (word === 'limit') frame.select.hasLimit = true
  return true
}

function readFrom(frame: Frame, tokens: readonly Token[], at: number): number {
  const token = tokens[at]!
  const word = wordOf(token)
  if (token.text === ',' || word === 'join') {
    // A row of the first table without one in the second does not come out: joins filter, but for outer ones.
    const outer = /^(left|full|outer)$/.test(wordOf(tokens[at - 1]))
    if (!outer) frame.select.conditions++
    frame.expectsTable = true
    return at
  }
  if (!frame.expectsTable || !isName(token)) return at
  frame.expectsTable = false
  let end = at
  if (tokens[end + 1]?.text === '.') end += 2
  const table = tokens[end]?.text ?? token.text
  if (tokens[end + 1]?.text === '(') end = closingAt(tokens, end + 1)
  let next = tokens[end + 1]
  if (wordOf(next) === 'as') next = tokens[++end + 1]
  const isAlias = next !== undefined && isName(next) && !joinWords.test(wordOf(next))
  frame.select.tables.set(isAlias ? next!.text : table, table)
  return isAlias ? end + 1 : end
}

// `"f1"."status" = ?`, also inside parentheses of a condition.
function readCondition(frame: Frame | undefined, tokens: readonly Token[], at: number): void {
  const token = tokens[at]!
  if (frame?.clause !== 'where' || !isName(token)) return
  const operator = tokens[at + 1]
  if (operator?.text === '=' || wordOf(operator) === 'in') frame.select.equal.add(token.text)
  else if (operator?.text === '<' || operator?.text === '>') frame.select.compared.add(token.text)
}

function closingAt(tokens: readonly Token[], opening: number): number {
  let depth = 0
  for (let at = opening; at < tokens.length; at++) {
    if (tokens[at]!.kind !== 'symbol') continue
    if (tokens[at]!.text === '(') depth++
    if (tokens[at]!.text === ')' && --depth === 0) return at
  }
  return tokens.length - 1
}

function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted'
}

function wordOf(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toLowerCase() : ''
}
