import type { OnQuery } from '../storage/index.ts'

interface AnyNode {
  readonly kind: string
  readonly [member: string]: unknown
}

/** Functions of SQL that give the same for the same values, on every engine. */
const known = new Set(
  'count sum avg min max total coalesce nullif lower upper length abs round trim replace substr concat json_agg to_json json_object json_group_array'.split(
    ' ',
  ),
)

/**
 * The tables that a statement of Kysely's reads, by its tree. Undefined where the tree does not say all of it: text of the
 * app's own, a function that is not known.
 *
 * @param isTable whether the database has a table of this name: what a query names so itself may be made of it
 */
export function tablesOf(
  query: Parameters<OnQuery>[0],
  isTable: (name: string) => boolean,
): ReadonlySet<string> | undefined {
  const tables = new Set<string>()
  const named = new Set<string>()
  if (!isReadable(query as unknown as AnyNode, tables, named)) return undefined
  for (const name of named) if (!isTable(name)) tables.delete(name)
  return tables
}

function isReadable(node: AnyNode, tables: Set<string>, named: Set<string>): boolean {
  switch (node.kind) {
    case 'RawNode':
      return false
    case 'FunctionNode':
    case 'AggregateFunctionNode':
      if (!known.has(String(node.func).toLowerCase())) return false
      break
    case 'TableNode': {
      const { schema, identifier } = node.table as { schema?: AnyNode; identifier: { name: string } }
      if (schema) return false
      tables.add(identifier.name)
      return true
    }
    case 'CommonTableExpressionNameNode':
      named.add((node.table as { table: { identifier: { name: string } } }).table.identifier.name)
      return true
    // Columns may be written with their table; where rows come from is said elsewhere.
    case 'ReferenceNode':
      return true
    case 'SelectAllNode':
    case 'ColumnNode':
      return true
  }
  return Object.values(node).every((member) => isReadableMember(member, tables, named))
}

function isReadableMember(member: unknown, tables: Set<string>, named: Set<string>): boolean {
  if (typeof member !== 'object' || member === null) return true
  if (Array.isArray(member)) return member.every((one) => isReadableMember(one, tables, named))
  return typeof (member as AnyNode).kind !== 'string' || isReadable(member as AnyNode, tables, named)
}
