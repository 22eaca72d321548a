import { declaredIndex, type ExplainedStatement } from '../explain.ts'

/** A step of a plan, in the words of EXPLAIN (FORMAT JSON). What is read of it. */
export interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Sort Key'?: string[]
  'Index Cond'?: string
  'Recheck Cond'?: string
  'Hash Cond'?: string
  Filter?: string
  /** With ANALYZE only, as the numbers of rows below. */
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

/** With ANALYZE. */
export function shownPlan(
  plan: PlanNode,
): Pick<ExplainedStatement, 'plan' | 'indexes' | 'scans' | 'tables' | 'examined'> {
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
  return Math.round(((node['Actual Rows'] ?? 0) + removed) * (node['Actual Loops'] ?? 1))
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
  const rows = Math.round((node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 1))
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

/** Tables that are read from end to end, with the index that would help. */
export function scansOf(plan: PlanNode): ExplainedStatement['scans'] {
  return shownPlan(plan).scans
}
