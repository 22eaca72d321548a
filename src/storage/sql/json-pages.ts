import { MonoblocError } from '../../errors.ts'
import type { SqlValue } from '../storage.ts'
import { listOfCursor } from './keyset.ts'
import type { JsonPage, PageBounds } from './query.ts'
import type { PageTemplate } from './read-template.ts'
import { rowSeparator } from './sql-engine.ts'

/** Rows of an answer to a query without a limit: about what one response or one handler can hold. */
export const mostRows = 10_000

export interface PageCall {
  template: PageTemplate
  values: readonly SqlValue[]
  /** The most rows of the page; one more is asked for, to know whether the page is the last. */
  most: number
  bounded: boolean
  bounds: PageBounds | undefined
}

interface LastPage {
  documents: string
  most: number
  page: JsonPage
}

// 64 pages of at most 64 KiB are 8 MiB, twice that where text is not Latin.
const mostPages = 64
const greatestLength = 65_536

/**
 * Makes pages of what SQL has joined. A page that reads as when its template was last asked is the same text again, which
 * nobody has to put together, or to look at to see that it is the same: a tenth of a list of 20. Nothing is answered that
 * was not just read.
 */
export class JsonPages {
  readonly #last = new Map<PageTemplate, LastPage>()

  pageOf(call: PageCall, cells: readonly SqlValue[]): JsonPage {
    const documents = (cells[0] as string | null) ?? ''
    // Where cursors come beside the documents, or bounds are asked for, there is more to say than what was read.
    const isAll = cells.length === 2 && call.bounded && !call.bounds
    if (!isAll || documents.length > greatestLength) return jsonPageOf(call, cells, documents)
    const last = this.#last.get(call.template)
    if (last?.documents === documents && last.most === call.most) return last.page
    const page = jsonPageOf(call, cells, documents)
    if (last) {
      last.documents = documents
      last.most = call.most
      last.page = page
    } else {
      if (this.#last.size >= mostPages) this.#last.delete(this.#last.keys().next().value!)
      this.#last.set(call.template, { documents, most: call.most, page })
    }
    return page
  }
}

// The last row is there only to show that there is one.
function jsonPageOf({ template, most, bounded, bounds }: PageCall, cells: readonly SqlValue[], json: string): JsonPage {
  const count = Number(cells[1])
  if (count <= most) return { json: `[${json}]`, count, next: null }
  if (!bounded) throw tooLarge()
  if (bounds) {
    const all = cells.length > 2 ? (cells[2] as string) : json
    bounds.last = valuesOf(template.documentCursor(all, lastOf(all)))
  }
  const rows = withoutLast(json)
  const told = cells.length > 2 ? withoutLast(cells[2] as string) : rows
  const next = template.documentCursor(told, lastOf(told))
  return { json: `[${rows}]`, count: most, next }
}

/** What a cursor says of its row. */
export function valuesOf(cursor: string): unknown[] {
  return listOfCursor(cursor).slice(1)
}

export function tooLarge(): MonoblocError {
  return new MonoblocError('result_too_large', { detail: `The limit is ${mostRows} rows.` })
}

function withoutLast(rows: string): string {
  return rows.slice(0, rows.lastIndexOf(rowSeparator))
}

function lastOf(rows: string): number {
  const before = rows.lastIndexOf(rowSeparator)
  return before === -1 ? 0 : before + rowSeparator.length
}
