import { jsonOperators, operatorsOfKind } from './filter-cases.ts'
import type { Crossing, Visit } from './filter-oracle.ts'

/** Which operator met which type, null and not, by which way to the row: counted as filters are asked. */
export class FilterCoverage {
  readonly #cells = new Map<string, number>()

  readonly visit: Visit = (crossing, type, operator, isNull) => {
    const cell = cellName(crossing, type, operator, isNull)
    this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + 1)
  }

  add(cells: Record<string, number>): void {
    for (const [cell, count] of Object.entries(cells)) this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + count)
  }

  get cells(): Record<string, number> {
    return Object.fromEntries(this.#cells)
  }

  /** The cells that should have been met and were not. */
  get empty(): string[] {
    return neededRows().flatMap(([type, operator, crossings, nulls]) =>
      crossings.flatMap((crossing) =>
        nulls.map((isNull) => cellName(crossing, type, operator, isNull)).filter((cell) => !this.#cells.has(cell)),
      ),
    )
  }

  /** A line for each operator and type, a pair of columns (a value, null) for each way. */
  toString(): string {
    const head = ['type', 'operator', ...crossings.flatMap((crossing) => [crossing, 'null'])]
    const lines = neededRows().map(([type, operator]) => [
      type,
      operator,
      ...crossings.flatMap((crossing) => [false, true].map((isNull) => this.#count(crossing, type, operator, isNull))),
    ])
    const widths = head.map((_, at) => Math.max(...[head, ...lines].map((line) => line[at]!.length)))
    const drawn = [head, ...lines].map((line) =>
      line.map((cell, at) => (at < 2 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))),
    )
    return drawn.map((line) => line.join('  ').trimEnd()).join('\n')
  }

  #count(crossing: Crossing, type: string, operator: string, isNull: boolean): string {
    const count = this.#cells.get(cellName(crossing, type, operator, isNull))
    const row = neededRows().find((needed) => needed[0] === type && needed[1] === operator)!
    const needed = row[2].includes(crossing) && row[3].includes(isNull)
    return count === undefined ? (needed ? 'MISSING' : '-') : String(count)
  }
}

const crossings: readonly Crossing[] = ['own', 'ref', 'inverse one', 'inverse many', 'link']
const both = [false, true] as const

function cellName(crossing: Crossing, type: string, operator: string, isNull: boolean): string {
  return `${type}|${operator}|${crossing}|${isNull ? 'null' : 'value'}`
}

type NeededRow = [type: string, operator: string, crossings: readonly Crossing[], nulls: readonly boolean[]]

const plainKinds = [
  'text',
  'email',
  'url',
  'slug',
  'integer',
  'bigint',
  'decimal',
  'float',
  'boolean',
  'date',
  'timestamp',
  'enum',
  'bytes',
]

let rows: NeededRow[] | undefined

function neededRows(): NeededRow[] {
  rows ??= [
    ...['id', 'serial'].flatMap((kind) =>
      operatorsOfKind(kind).map((operator): NeededRow => [kind, operator, crossings, [false]]),
    ),
    ...plainKinds.flatMap((kind) =>
      operatorsOfKind(kind).map((operator): NeededRow => [kind, operator, crossings, both]),
    ),
    ...operatorsOfKind('ref').map((operator): NeededRow => ['ref', operator, crossings, both]),
    ...['eq', 'ne', 'in', 'nin', 'null'].map((operator): NeededRow => ['inverse', operator, ['inverse one'], both]),
    ...jsonRows('json', false),
    ...jsonRows('json place', true),
    ['row', 'filter', ['ref', 'inverse one'], both],
    ...['some', 'every', 'none', 'count'].map(
      (quantity): NeededRow => ['rows', quantity, ['inverse many', 'link'], both],
    ),
  ]
  return rows
}

function jsonRows(name: string, place: boolean): NeededRow[] {
  return jsonOperators(place).flatMap(([operator, types]) =>
    types.map((type): NeededRow => [type && type !== 'null' ? `${name} ${type}` : name, operator, crossings, both]),
  )
}
