import { kindOf } from '../../schema/index.ts'
import { hashOf } from './keyset.ts'
import { badQuery, type ModelPlan, type StoredColumn } from './model-plan.ts'
import { Shapes } from './template.ts'

export interface SortTerm {
  column: StoredColumn
  descending: boolean
}

/** A total order of a model's rows: what was asked for, then the key in the direction of the last term. */
export interface Sorting {
  /** The terms as text: `-createdAt,-id`. */
  id: string
  terms: readonly SortTerm[]
  /** What a cursor carries, so that one made for another order or another model is known for that. */
  hash: string
}

// Orders that were asked for; a model with many fields has more of them than are worth keeping.
const known = new WeakMap<ModelPlan, Shapes<Sorting>>()
const mostKept = 64

/** @throws MonoblocError `invalid_query` */
export function sortingOf(
  plan: ModelPlan,
  sort: string | readonly string[] | undefined,
  path: Path = ['sort'],
): Sorting {
  const asked = typeof sort === 'string' ? sort : sort === undefined ? '' : sort.join()
  let sortings = known.get(plan)
  if (!sortings) {
    sortings = new Shapes(mostKept)
    known.set(plan, sortings)
  }
  return sortings.get(asked) ?? sortings.set(asked, parse(plan, asked, path))
}

type Path = readonly (string | number)[]

function parse(plan: ModelPlan, asked: string, path: Path): Sorting {
  const terms: SortTerm[] = []
  const add = (column: StoredColumn, descending: boolean) => {
    if (!terms.some((term) => term.column === column)) terms.push({ column, descending })
  }
  for (const text of asked === '' ? [] : asked.split(',')) {
    const descending = text.startsWith('-')
    add(sortable(plan, descending ? text.slice(1) : text, path), descending)
  }
  const last = terms.at(-1)?.descending ?? false
  for (const column of plan.key) add(column, last)
  // What follows a key that is complete decides nothing.
  const end = 1 + Math.max(...plan.key.map((column) => terms.findIndex((term) => term.column === column)))
  const decisive = terms.slice(0, end)
  const id = decisive.map(({ column, descending }) => (descending ? '-' : '') + column.name).join()
  return { id, terms: decisive, hash: hashOf(`${plan.name}:${id}`) }
}

function sortable(plan: ModelPlan, name: string, path: Path): StoredColumn {
  const column = plan.columns.get(name)
  if (column && isSortable(column)) return column
  const allowed = [...plan.columns.values()].filter(isSortable).map((one) => one.name)
  throw badQuery('sort', `can't be by "${name}": ${plan.name} sorts by ${allowed.join(', ')}`, path)
}

// The order of secrets tells them.
function isSortable({ field, type }: StoredColumn): boolean {
  return !field.options.writeOnly && (kindOf(field).ordered || type.type === 'boolean')
}
