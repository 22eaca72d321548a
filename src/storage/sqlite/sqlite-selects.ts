import { type Token, tokensOf } from './sqlite-tokens.ts'

/** What the text of one SELECT says and its plan does not. */
export interface SelectText {
  /** Tables by the name under which the plan speaks of them. */
  tables: Map<string, string>
  /**
   * How many conditions every row must meet, inner joins among them; 0 without any. Alternatives are one, or none where they
   * only go on where a page ended: `at >= ? and (at > ? or at = ? and id > ?)`.
   */
  conditions: number
  hasLimit: boolean
  /** GROUP BY, DISTINCT or an aggregate: every row is looked at before the first comes out. */
  isAggregate: boolean
  /** The clause of the SELECT around it in which it stands. */
  within: Clause | undefined
  /** Columns as written: compared with `=` or `in` in WHERE (for every row, so not by an `or`), otherwise, and in ORDER BY. */
  equal: Set<string>
  compared: Set<string>
  /** Columns compared with null by `is null`. */
  nulls: Set<string>
  ordered: string[]
}

type Clause = 'columns' | 'from' | 'where' | 'rest'

/** Conditions of one pair of parentheses, or of WHERE itself. */
interface Group {
  found: [kind: 'equal' | 'compared' | 'nulls', column: string][]
  /** They are alternatives: none of them holds for every row. */
  hasOr: boolean
  /** Further conditions, beside the first. */
  ands: number
}

interface Frame {
  select: SelectText
  group: Group
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
  // By depth of parentheses: a SELECT, or a group of what is around it.
  const frames: (Frame | Group)[] = [newGroup()]
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!
    const frame = frames.at(-1)
    if (token.kind === 'symbol' && token.text === '(') {
      frames.push(newGroup())
    } else if (token.kind === 'symbol' && token.text === ')') {
      close(frames)
    } else if (wordOf(token) === 'select') {
      const outer = frames.slice(0, -1).findLast(isFrame)
      const made = newFrame(outer?.clause)
      // The next SELECT of a UNION ends the one before it.
      close(frames)
      frames.push(made)
      selects.push(made.select)
    } else if (frame && isFrame(frame)) {
      at = readToken(frame, tokens, at)
    } else if (frame) {
      readCondition(frames.findLast(isFrame), frame, tokens, at)
    }
  }
  while (frames.length > 0) close(frames)
  return selects
}

function isFrame(one: Frame | Group): one is Frame {
  return 'select' in one
}

function newGroup(): Group {
  return { found: [], hasOr: false, ands: 0 }
}

/** What holds for every row of a group holds for those of the group around it. */
function close(frames: (Frame | Group)[]): void {
  const ended = frames.pop()
  if (!ended) return
  if (isFrame(ended)) {
    ended.select.conditions += ended.group.ands
    if (ended.group.hasOr) return
    for (const [kind, column] of ended.group.found) ended.select[kind].add(column)
    return
  }
  const outer = groupOf(frames.at(-1))
  if (!outer) return
  if (!ended.hasOr) {
    outer.ands += ended.ands
    outer.found.push(...ended.found)
  } else if (goesOn(outer, ended)) outer.ands--
}

/** `at >= ?` and, after it, `(at > ? or …)`: the latter leaves out no more than rows that are equal by `at`. */
function goesOn({ found }: Group, alternatives: Group): boolean {
  const [before, column] = found.at(-1) ?? []
  const [kind, first] = alternatives.found[0] ?? []
  return before === 'compared' && kind === 'compared' && first === column
}

function groupOf(one: Frame | Group | undefined): Group | undefined {
  return one && isFrame(one) ? one.group : one
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
    nulls: new Set(),
    ordered: [],
  }
  return { select, group: newGroup(), clause: 'columns', expectsTable: false, isOrder: false, isBetween: false }
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
  if (frame.clause === 'where') readCondition(frame, frame.group, tokens, at)
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

/** A token of WHERE, or of parentheses in it. */
function readCondition(frame: Frame | undefined, group: Group, tokens: readonly Token[], at: number): void {
  if (frame?.clause !== 'where') return
  const token = tokens[at]!
  const word = wordOf(token)
  if (word === 'between') frame.isBetween = true
  else if (word === 'and' && frame.isBetween) frame.isBetween = false
  else if (word === 'and') group.ands++
  else if (word === 'or') group.hasOr = true
  if (!isName(token)) return
  const operator = tokens[at + 1]
  const { found } = group
  if (operator?.text === '=' || wordOf(operator) === 'in') found.push(['equal', token.text])
  else if (operator?.text === '<' || operator?.text === '>') found.push(['compared', token.text])
  else if (wordOf(operator) === 'is' && wordOf(tokens[at + 2]) === 'null') found.push(['nulls', token.text])
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
