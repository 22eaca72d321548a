import type { DatabaseSync } from 'node:sqlite'
import { ownPrefix } from './sqlite-guard.ts'
import { type SelectText, selectsOf } from './sqlite-selects.ts'
import { quoted } from './sqlite-table.ts'

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

export interface PlanNode {
  id: number
  parent: number
  detail: string
}

export interface PlanFinding {
  bounded: boolean
  /** Tables that are read from end to end to filter or sort them. */
  scans: { table: string; select: SelectText }[]
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
 */
export function judgePlan(db: DatabaseSync, sql: string): PlanFinding {
  const nodes = db.prepare(`explain query plan ${sql}`).all() as unknown as PlanNode[]
  const judge = new PlanJudge(db, selectsOf(sql), nodes)
  const { visits } = judge.level(0)
  return { bounded: visits <= mostVisits, scans: judge.scans }
}

class PlanJudge {
  readonly scans: PlanFinding['scans'] = []
  readonly #db: DatabaseSync
  readonly #selects: readonly SelectText[]
  readonly #children = new Map<number, PlanNode[]>()
  /** Rows of subqueries in FROM, by the name under which they are scanned. */
  readonly #named = new Map<string, number>()

  constructor(db: DatabaseSync, selects: readonly SelectText[], nodes: readonly PlanNode[]) {
    this.#db = db
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
    const sorted = nodes.some(({ detail }) => detail.startsWith('USE TEMP B-TREE'))
    const lists = nodes.some(({ detail }) => detail.startsWith('LIST SUBQUERY'))
    let rows = 1
    let visits = 0
    let loops = 0
    for (const { id, detail } of nodes) {
      if (/^(SCAN|SEARCH) /.test(detail)) {
        rows *= this.#loop(detail, { first: loops++ === 0, sorted, lists })
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
        if (/^(SCAN|SEARCH) /.test(detail)) rows += this.#loop(detail, { first: false, sorted: true, lists: true })
      }
    }
    return rows
  }

  #loop(detail: string, at: { first: boolean; sorted: boolean; lists: boolean }): number {
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
    const endsEarly = limited && select!.conditions <= covered
    if (detail.startsWith('SCAN ')) {
      const filtered = select !== undefined && (select.conditions > 0 || (at.sorted && select.hasLimit))
      if (filtered && !detail.includes('VIRTUAL TABLE')) this.scans.push({ table, select })
      return endsEarly && !detail.includes('VIRTUAL TABLE') ? page : this.#size(table)
    }
    const found = this.#found(table, detail, covered) * (at.lists ? list : 1)
    return endsEarly ? Math.min(found, page) : found
  }

  /** Rows that a SEARCH finds for one set of values. */
  #found(table: string, detail: string, covered: number): number {
    if (covered === 0 || detail.includes('USING INTEGER PRIMARY KEY (rowid=?)')) return 1
    const equal = detail.match(/[\w>)]=\?/g)?.length ?? 0
    const index = /USING (?:COVERING )?INDEX (\S+)/.exec(detail)?.[1]
    if (index === undefined) {
      const isWhole = detail.includes('USING PRIMARY KEY') && equal === this.#keySize(table)
      return isWhole ? 1 : this.#size(table)
    }
    const shape = this.#db.prepare('select "unique" as u from pragma_index_list(?) where name = ?').get(table, index)
    const columns = this.#db.prepare('select count(*) as n from pragma_index_info(?)').get(index)!.n
    if (shape?.u === 1 && equal === columns) return 1
    return Math.min(this.#size(table), equal > 0 ? this.#average(index, equal) : Infinity)
  }

  #keySize(table: string): number {
    return this.#db.prepare('select count(*) as n from pragma_table_info(?) where pk > 0').get(table)!.n as number
  }

  /** The number of rows where it is small, else without bound. A full-text index is as large as its table. */
  #size(name: string): number {
    const prefix = `${ownPrefix}search_`
    const table = name.startsWith(prefix) ? name.slice(prefix.length) : name
    try {
      const rows = this.#db
        .prepare(`select count(*) as n from (select 1 from ${quoted(table)} limit ${smallTable + 1})`)
        .get()!.n
      return (rows as number) > smallTable ? Infinity : (rows as number)
    } catch {
      return Infinity
    }
  }

  /** Rows with the same values in the first columns of an index, as ANALYZE has counted them. */
  #average(index: string, columns: number): number {
    try {
      const stat = this.#db.prepare('select stat from sqlite_stat1 where idx = ?').get(index)?.stat as
        | string
        | undefined
      return Number(stat?.split(' ')[columns] ?? Infinity)
    } catch {
      return Infinity
    }
  }

  #selectOf(nodes: readonly PlanNode[]): SelectText | undefined {
    const first = nodes.find(({ detail }) => /^(SCAN|SEARCH) /.test(detail))
    if (!first) return undefined
    const name = nameIn(first.detail, 1)
    return this.#selects.find((select) => select.tables.has(name))
  }
}

function nameIn(detail: string, at: number): string {
  return detail.split(' ')[at]!
}

// `(author=? AND createdAt>?)`, `((createdAt,id)<(?,?))`; nothing where SEARCH reads one end of an index.
function coveredConditions(detail: string): number {
  const inside = /\((.*)\)$/.exec(detail)?.[1]
  return inside ? inside.split(' AND ').length : 0
}
