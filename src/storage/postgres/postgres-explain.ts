import { MonoblocError } from '../../errors.ts'
import { declaredIndex, type ExplainedStatement, type Explainer } from '../explain.ts'
import type { MaybePromise, Session, SqlValue, Storage } from '../storage.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { PostgresOptions } from './postgres-options.ts'
import { createPostgresStorage } from './postgres-storage.ts'

/** A step of a plan, in the words of EXPLAIN (FORMAT JSON). What is read of it. */
interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Sort Key'?: string[]
  'Index Cond'?: string
  'Recheck Cond'?: string
  'Hash Cond'?: string
  Filter?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

// A development machine may be slow, and nobody else waits.
const deadline = 10 * 60_000

/** Runs each statement, and then once more where PostgreSQL counts what it does, over the same snapshot. */
export class PostgresExplainer implements Explainer {
  readonly dialect = postgresDialect
  statements: ExplainedStatement[] = []
  readonly #storage: Storage
  readonly #ended = Promise.withResolvers<void>()
  #snapshot: Promise<unknown> = Promise.resolve()
  #session: Session | undefined

  constructor(options: PostgresOptions) {
    this.#storage = createPostgresStorage({ ...options, connections: 1 })
  }

  async open(): Promise<this> {
    await this.#storage.open()
    const begun = Promise.withResolvers<Session>()
    this.#snapshot = (async () =>
      this.#storage.read({ deadline }, (session) => {
        begun.resolve(session)
        return this.#ended.promise
      }))()
    this.#session = await begun.promise
    return this
  }

  async close(): Promise<void> {
    this.#ended.resolve()
    await this.#snapshot.catch(() => {})
    await this.#storage.close()
  }

  get session(): Session {
    const session = this.#session!
    const one = (found: unknown) => (found === undefined ? 0 : 1)
    const many = (found: readonly unknown[]) => found.length
    return {
      writable: false,
      position: undefined,
      all: (statement, values) => this.#explained(statement.sql, values, session.all(statement, values), many),
      rows: (statement, values) => this.#explained(statement.sql, values, session.rows(statement, values), many),
      first: (statement, values) => this.#explained(statement.sql, values, session.first(statement, values), one),
      cells: (statement, values) => this.#explained(statement.sql, values, session.cells(statement, values), one),
      value: (statement, values) => this.#explained(statement.sql, values, session.value(statement, values), one),
      raw: (sql, values) => this.#explained(sql, values, session.raw(sql, values), ({ rows }) => rows.length),
      run: () => {
        throw new MonoblocError('transaction_read_only', { detail: 'Nothing is written while it is explained.' })
      },
      savepoint: async <T>(work: () => MaybePromise<T>) => work(),
    }
  }

  async #explained<T>(sql: string, values: readonly unknown[], ran: MaybePromise<T>, rows: (result: T) => number) {
    const result = await ran
    const { rows: explained } = await this.#session!.raw(`explain (analyze, timing off, format json) ${sql}`, values)
    const document = explained[0]!['QUERY PLAN'] as unknown as SqlValue | object
    const [{ Plan: plan, 'Execution Time': milliseconds }] =
      typeof document === 'string' ? JSON.parse(document) : document
    this.statements.push({ sql, ...shownPlan(plan), returned: rows(result), milliseconds, inProcess: true })
    return result
  }
}

function shownPlan(plan: PlanNode): Pick<ExplainedStatement, 'plan' | 'indexes' | 'scans' | 'tables' | 'examined'> {
  const lines: string[] = []
  const indexes = new Set<string>()
  const tables = new Set<string>()
  const scans = new Map<string, string | null>()
  let examined = 0
  const visit = (node: PlanNode, depth: number, sorted: readonly string[]) => {
    const table = node['Relation Name']
    const index = node['Index Name']
    lines.push(`${'  '.repeat(depth)}${wordsOf(node)}`)
    if (index) indexes.add(index)
    if (table) {
      tables.add(table)
      examined += lookedAt(node)
    }
    const order = node['Sort Key'] ?? sorted
    if (table && readsAll(node, order.length > 0)) {
      const fields = helpfulFields(table, node.Filter ?? '', order)
      scans.set(table, fields.length > 0 ? declaredIndex(table, fields) : null)
    }
    for (const inner of node.Plans ?? []) visit(inner, depth + 1, order)
  }
  visit(plan, 0, [])
  return {
    plan: lines,
    indexes: [...indexes],
    scans: [...scans].map(([table, suggestion]) => ({ table, suggestion })),
    tables: [...tables],
    examined,
  }
}

/** To find rows or to sort them; an index that is read from its beginning only because of its order finds nothing. */
function readsAll(node: PlanNode, sorts: boolean): boolean {
  const type = node['Node Type']
  if (type.endsWith('Seq Scan')) return sorts || node.Filter !== undefined
  return /^Index/.test(type) && node['Index Cond'] === undefined && node.Filter !== undefined
}

function lookedAt(node: PlanNode): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  return Math.round((node['Actual Rows'] + removed) * node['Actual Loops'])
}

function wordsOf(node: PlanNode): string {
  const { 'Node Type': type, 'Relation Name': table, 'Index Name': index, Filter: filter } = node
  const key = node['Index Cond'] ?? node['Recheck Cond'] ?? node['Hash Cond'] ?? node['Sort Key']?.join(', ')
  const parts = [
    type,
    index && `using ${index}`,
    table && `on ${table}`,
    key && `by ${key}`,
    filter && `where ${filter}`,
  ]
  const rows = Math.round(node['Actual Rows'] * node['Actual Loops'])
  return `${parts.filter(Boolean).join(' ')}: ${rows} ${rows === 1 ? 'row' : 'rows'}`
}

/** Columns compared for equality first, then those that order the rows, or one that is compared otherwise. */
function helpfulFields(table: string, filter: string, order: readonly string[]): string[] {
  const named = (pattern: RegExp) => [...filter.matchAll(pattern)].map(([, name]) => name!)
  const equal = named(/\((?:\w+\.)?"?(\w+)"? = (?:'|\$|\d)/g)
  const ordered = order.flatMap((key) => {
    const [, of, name] = /^(?:"?(\w+)"?\.)?"?(\w+)"?(?: |$)/.exec(key) ?? []
    return name && (of === undefined || of === table) ? [name] : []
  })
  const compared = named(/\((?:\w+\.)?"?(\w+)"? (?:<|>|<=|>=) (?:'|\$|\d)/g).slice(0, 1)
  return [...new Set([...equal, ...(ordered.length > 0 ? ordered : compared)])]
}
