import type { DatabaseSync } from 'node:sqlite'
import { type SelectText, selectsOf } from './sqlite-selects.ts'
import type { TableFacts } from './sqlite-table-facts.ts'

/** Tables of so few rows are read within a millisecond or so, however they are read. */
export const smallTable = 2_000

/**
 * Rows that a statement may have to look at and still run in this process: 10 to 30 ms at the rate at which SQLite walks
 * rows, filters them and makes JSON of some. Beyond, it goes to a process that can be killed.
 */
export const mostVisits = 20_000

/** What a LIMIT is taken to be where it is a parameter: the largest page that is common. */
const page = 100
/** What a list is taken to hold where it is a parameter. */
const list = 20

/**
 * Rows looked at for each that comes out, up to which a scan is worth no word: an index on a column that is null in most
 * rows helps nobody to find those.
 */
const commonlyNull = 2

export interface PlanNode {
  id: number
  parent: number
  detail: string
}

export interface PlanFinding {
  bounded: boolean
  /** Rows that it may have to look at. */
  visits: number
  /** What the database says that it does, in its words, each step indented as it lies within another. */
  steps: string[]
  /** Indexes that it uses, and tables that it names. */
  indexes: Set<string>
  tables: Set<string>
  /** Tables that are read from end to end to filter or sort them. */
  scans: { table: string; select: SelectText }[]
}

/** Where a loop stands among those of its level. */
interface Place {
  first: boolean
  /** All rows are sorted before the first comes out. */
  sorted: boolean
  /** How many last terms of the order are sorted among rows that are equal in the others. */
  ties: number
  /** A list is looked up, each value of which is searched for. */
  lists: boolean
}

interface Estimate {
  /** Rows looked at. */
  visits: number
  /** Rows that come out. */
  rows: number
}

/**
 * Judges a statement by its plan: how many rows it may have to look at, at worst as far as the plan, the statistics and
 * the size of small tables tell. What they don't tell counts as without bound.
 *
 * @param planner whose plan it is, where that is another: a database with the same tables and other indexes
 */
export function judgePlan(db: DatabaseSync, sql: string, facts: TableFacts, planner = db): PlanFinding {
  const nodes = planner.prepare(`explain query plan ${sql}`).all() as unknown as PlanNode[]
  const selects = selectsOf(sql)
  const judge = new PlanJudge(db, facts, selects, nodes)
  const { visits } = judge.level(0)
  const indexes = new Set(nodes.map(({ detail }) => indexIn(detail)).filter((name) => name !== undefined))
  const tables = new Set(selects.flatMap((select) => [...select.tables.values()]))
  return { bounded: visits <= mostVisits, visits, steps: indented(nodes), indexes, tables, scans: judge.scans }
}

function indented(nodes: readonly PlanNode[]): string[] {
  const depths = new Map([[0, -1]])
  return nodes.map(({ id, parent, detail }) => {
    const depth = (depths.get(parent) ?? -1) + 1
    depths.set(id, depth)
    return '  '.repeat(depth) + detail
  })
}

class PlanJudge {
  readonly scans: PlanFinding['scans'] = []
  readonly #db: DatabaseSync
  readonly #facts: TableFacts
  readonly #selects: readonly SelectText[]
  readonly #children = new Map<number, PlanNode[]>()
  /** Rows of subqueries in FROM, by the name under which they are scanned. */
  readonly #named = new Map<string, number>()

  constructor(db: DatabaseSync, facts: TableFacts, selects: readonly SelectText[], nodes: readonly PlanNode[]) {
    this.#db = db
    this.#facts = facts
    this.#selects = selects
    for (const node of nodes) {
      const siblings = this.#children.get(node.parent)
      if (siblings) siblings.push(node)
      else this.#children.set(node.parent, [node])
    }
  }

  /** Nodes side by side: loops within loops, and subqueries beside them. */
  level(parent: number): Estimate {
    const nodes = this.#children.get(parent) ?? []
    const sorted = nodes.some(({ detail }) => /^USE TEMP B-TREE FOR (?!LAST )/.test(detail))
    const unsorted = nodes
      .map(({ detail }) => /^USE TEMP B-TREE FOR LAST (\d*) ?TERM/.exec(detail)?.[1])
      .find((count) => count !== undefined)
    const ties = unsorted === undefined ? 0 : Number(unsorted || 1)
    const lists = nodes.some(({ detail }) => detail.startsWith('LIST SUBQUERY'))
    let rows = 1
    let visits = 0
    let loops = 0
    for (const { id, detail } of nodes) {
      if (/^(SCAN|SEARCH) /.test(detail)) {
        rows *= this.#loop(detail, { first: loops++ === 0, sorted, ties, lists })
        visits += rows
      } else if (detail === 'MULTI-INDEX OR') {
        loops++
        rows *= this.#alternatives(id)
        visits += rows
      } else if (/^(CO-ROUTINE|MATERIALIZE) /.test(detail)) {
        const inner = this.level(id)
        visits += inner.visits
        this.#named.set(nameIn(detail, 1), inner.rows)
      } else if (detail === 'RECURSIVE STEP') {
        return { visits: Infinity, rows: Infinity }
      } else if (!detail.startsWith('CORRELATED')) {
        const inner = this.level(id)
        visits += inner.visits
        // The parts of a UNION come out of the level that holds them.
        if (/^(COMPOUND|LEFT|RIGHT|UNION|INTERSECT|EXCEPT|MERGE|SETUP)/.test(detail)) rows = Math.max(rows, inner.rows)
      }
    }
    const select = this.#selectOf(nodes)
    for (const { id, detail } of nodes) {
      if (!detail.startsWith('CORRELATED')) continue
      const inSelectList = this.#selectOf(this.#children.get(id) ?? [])?.within === 'columns'
      const times = inSelectList && select?.hasLimit && !sorted ? Math.min(rows, page) : rows
      visits += times * this.level(id).visits
    }
    return { visits, rows: select?.hasLimit ? Math.min(rows, page) : select?.isAggregate && !sorted ? 1 : rows }
  }

  #alternatives(id: number): number {
    let rows = 0
    for (const branch of this.#children.get(id) ?? []) {
      for (const { detail } of this.#children.get(branch.id) ?? []) {
        if (/^(SCAN|SEARCH) /.test(detail))
          rows += this.#loop(detail, { first: false, sorted: true, ties: 0, lists: true })
      }
    }
    return rows
  }

  #loop(detail: string, at: Place): number {
    const name = nameIn(detail, 1)
    const named = this.#named.get(name)
    if (named !== undefined) return named
    if (detail === 'SCAN CONSTANT ROW') return 1
    const select = this.#selects.find((one) => one.tables.has(name))
    const table = select?.tables.get(name) ?? name
    if (/^json_(each|tree)$/i.test(table)) return list
    // A LIMIT ends the loop early where rows come in their order and every row that is looked at comes out.
    const covered = coveredConditions(detail)
    const limited = at.first && !at.sorted && select?.hasLimit === true && !select.isAggregate
    const perRow = select === undefined ? Infinity : this.#perRow(table, select, covered)
    const endsEarly = limited && perRow < Infinity
    if (detail.startsWith('SCAN ')) {
      const filtered = select !== undefined && (perRow > commonlyNull || (at.sorted && select.hasLimit))
      if (filtered && !detail.includes('VIRTUAL TABLE')) this.scans.push({ table, select })
      return endsEarly && !detail.includes('VIRTUAL TABLE')
        ? this.#firstRows(detail, select!, at) * perRow
        : this.#facts.size(this.#db, table)
    }
    const found = this.#found(table, detail, covered) * (at.lists ? list : 1)
    return endsEarly ? Math.min(found, this.#firstRows(detail, select!, at) * perRow) : found
  }

  /**
   * Rows looked at for each that comes out: 1 where the index answers every condition. Where all that it leaves are
   * columns that must be null (`deletedAt is null`), as many as the data say.
   */
  #perRow(table: string, select: SelectText, covered: number): number {
    if (select.nulls.size > 0 && select.conditions - covered === select.nulls.size) {
      return Math.max(...[...select.nulls].map((column) => this.#facts.rowsPerNull(this.#db, table, column)))
    }
    return select.conditions <= covered ? 1 : Infinity
  }

  /** Rows up to the end of a page, and where the last terms of the order are sorted, of those equal in the others. */
  #firstRows(detail: string, select: SelectText, { ties }: Place): number {
    if (ties === 0 || !detail.includes('USING')) return page
    const name = nameIn(detail, 1)
    const table = select.tables.get(name) ?? name
    return Math.max(page, this.#facts.equals(this.#db, table, indexIn(detail), select.ordered.length - ties))
  }

  /** Rows that a SEARCH finds for one set of values. */
  #found(table: string, detail: string, covered: number): number {
    if (covered === 0 || detail.includes('USING INTEGER PRIMARY KEY (rowid=?)')) return 1
    const equal = detail.match(/[\w>)]=\?/g)?.length ?? 0
    const index = indexIn(detail)
    // SQLite builds an index of its own for the statement: it reads the whole table for it.
    if (equal === 0 || detail.includes('USING AUTOMATIC')) return this.#facts.size(this.#db, table)
    if (index === undefined) {
      const isWhole = detail.includes('USING PRIMARY KEY') && equal === this.#facts.keySize(this.#db, table)
      if (isWhole) return 1
    } else if (this.#facts.isUnique(this.#db, table, index, equal)) return 1
    return this.#facts.equals(this.#db, table, index, equal)
  }

  #selectOf(nodes: readonly PlanNode[]): SelectText | undefined {
    const first = nodes.find(({ detail }) => /^(SCAN|SEARCH) /.test(detail))
    if (!first) return undefined
    const name = nameIn(first.detail, 1)
    return this.#selects.find((select) => select.tables.has(name))
  }
}

function indexIn(detail: string): string | undefined {
  return /USING (?:COVERING )?INDEX (\S+)/.exec(detail)?.[1]
}

function nameIn(detail: string, at: number): string {
  return detail.split(' ')[at]!
}

// `(author=? AND createdAt>?)`, `((createdAt,id)<(?,?))`; nothing where SEARCH reads one end of an index.
function coveredConditions(detail: string): number {
  const inside = /\((.*)\)$/.exec(detail)?.[1]
  return inside ? inside.split(' AND ').length : 0
}
