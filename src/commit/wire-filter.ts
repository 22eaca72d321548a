import { type AnyModel, type Condition, parseFilter, parseQueryFilter, type Schema } from '../schema/index.ts'
import type { Restrict } from '../storage/index.ts'

// Each relation that a filter crosses is a subquery for every row: what a client may ask for ends at two.
const mostCrossings = 2

/** A filter as a client sent it: parameters of a query string, or the JSON of a QUERY. Stands where a filter stands. */
export class WireFilter {
  readonly #sent: readonly [string, string][] | object

  constructor(sent: readonly [string, string][] | object) {
    this.#sent = sent
  }

  /** @throws MonoblocError `invalid_query`, `invalid_filter` */
  condition(schema: Schema, model: AnyModel, restrict: Restrict | undefined): Condition {
    if (!Array.isArray(this.#sent))
      return parseFilter(schema, model, this.#sent, { restrict, crossings: mostCrossings })
    return parseQueryFilter(schema, model, this.#sent as [string, string][], { restrict, crossings: mostCrossings })
  }
}
