import type { SqlValue } from '../storage.ts'
import type { AnyRow } from './query.ts'
import type { Include, IncludeMany, ReadLevel } from './read-level.ts'
import { rowMaker } from './row-maker.ts'
import { codeOrder, sorterOf } from './row-order.ts'

type Decode = (cell: never) => unknown

/** The cells of a row by their place: stored columns, includes. */
export type Cells = readonly unknown[]

/** The alias of an include's column in a result, which no field can have. */
export function includeAlias(at: number): string {
  return `~${at}`
}

/** Turns results into rows as code has them. */
export class RowCodec {
  readonly #names: string[] = []
  /** The place of each output among the cells; -1 for what is computed. */
  readonly #places: number[] = []
  readonly #decodes: (Decode | undefined)[] = []
  readonly #toJson: (Decode | undefined)[] = []
  readonly #virtuals: (((row: AnyRow) => unknown) | undefined)[] = []
  readonly #stored: { name: string; decode: Decode | undefined }[] = []
  readonly #hasVirtuals: boolean
  readonly #make: (cells: Cells) => AnyRow
  /** How many cells a row has. */
  readonly width: number

  /** @param nested its rows come as arrays of cells inside a document, not as rows of a result */
  constructor(level: ReadLevel, nested = false) {
    const storedAt = new Map(level.stored.map((column, at) => [column.name, at]))
    const decodeOf = (column: ReadLevel['stored'][number]) =>
      nested && column.type.type === 'bytes' ? fromHex : column.decode
    for (const column of level.stored) this.#stored.push({ name: column.name, decode: decodeOf(column) })
    for (const output of level.outputs) {
      this.#names.push(output.name)
      if ('virtual' in output) {
        this.#add(-1, undefined, undefined, output.virtual.options.compute)
      } else if ('column' in output) {
        const { column } = output
        this.#add(storedAt.get(column.name)!, decodeOf(column), column.toJson)
      } else {
        const { decode, toJson } = includeCell(output.include)
        this.#add(level.stored.length + level.includes.indexOf(output.include), decode, toJson)
      }
    }
    this.#hasVirtuals = this.#virtuals.some((compute) => compute !== undefined)
    this.#make = rowMaker({ names: this.#names, places: this.#places, decodes: this.#decodes })
    // A row without any has one, since a statement must select something.
    this.width = Math.max(1, level.stored.length + level.includes.length)
  }

  #add(
    place: number,
    decode: Decode | undefined,
    toJson: Decode | undefined,
    virtual?: (row: AnyRow) => unknown,
  ): void {
    this.#places.push(place)
    this.#decodes.push(decode)
    this.#toJson.push(toJson)
    this.#virtuals.push(virtual)
  }

  row(cells: Cells): AnyRow {
    return this.#hasVirtuals ? this.#computed(cells) : this.#make(cells)
  }

  /** Puts the rows where their cells were. */
  rows(found: Cells[]): AnyRow[] {
    const rows = found as unknown as AnyRow[]
    for (let at = 0; at < found.length; at++) rows[at] = this.row(found[at]!)
    return rows
  }

  #computed(cells: Cells): AnyRow {
    const whole: AnyRow = {}
    this.#stored.forEach(({ name, decode }, at) => {
      const value = cells[at]
      whole[name] = decode === undefined || value === null ? value : decode(value as never)
    })
    const row: AnyRow = {}
    this.#names.forEach((name, at) => {
      const place = this.#places[at]!
      const value = cells[place]
      if (place === -1) row[name] = this.#virtuals[at]!(whole)
      else if (place < this.#stored.length) row[name] = whole[name]
      else row[name] = value === null ? null : this.#decodes[at]!(value as never)
    })
    return row
  }

  /** What `JSON.stringify` is given for a row: values as JSON has them. */
  jsonOf(row: AnyRow): AnyRow {
    const result: AnyRow = {}
    this.#names.forEach((name, at) => {
      const value = row[name]
      const convert = this.#toJson[at]
      result[name] = convert === undefined || value === null ? value : convert(value as never)
    })
    return result
  }
}

function includeCell(include: Include): { decode: Decode | undefined; toJson: Decode | undefined } {
  if (include.kind === 'count') return { decode: Number, toJson: undefined }
  if (include.kind === 'exists')
    return { decode: (value: SqlValue | boolean) => value === 1 || value === true || value === 't', toJson: undefined }
  const codec = new RowCodec(include.level, true)
  const read = (cell: unknown): unknown => (typeof cell === 'string' ? JSON.parse(cell) : cell)
  if (include.kind === 'one') {
    return { decode: (cell: string) => codec.row(read(cell) as Cells), toJson: (row: AnyRow) => codec.jsonOf(row) }
  }
  const sorted = sortedBy(include)
  return {
    decode: (cell: string) => codec.rows(sorted(read(cell) as Cells[])),
    toJson: (rows: AnyRow[]) => rows.map((row) => codec.jsonOf(row)),
  }
}

/** Puts the rows of an included list in their order, where the database did not. */
function sortedBy(include: IncludeMany): (rows: Cells[]) => Cells[] {
  const order = codeOrder(include)
  if (!order) return (rows) => rows
  const { stored, includes } = include.level
  const shown = stored.length + includes.length
  const places = order.terms.map(({ column }) =>
    stored.includes(column) ? stored.indexOf(column) : shown + order.extra.indexOf(column),
  )
  return sorterOf(order, places)
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}
