import { MonoblocError } from '../errors.ts'
import { toldElsewhere } from '../observe/index.ts'
import type { AnyModel } from '../schema/index.ts'

interface Call {
  calls: Calls
  /** Its place in the list. */
  at: number
  verb: string
  model: AnyModel | undefined
  promise: Promise<unknown>
}

export interface CallsLeft {
  error: MonoblocError
  ended: Promise<unknown>
}

interface Noted {
  constructor: undefined
  then: typeof awaited
  [toldElsewhere]: Call | undefined
}

/**
 * The calls of one `db` that nobody has waited for yet. A call whose `await` was forgotten may fail unseen, or come after
 * the commit: whoever ends a unit of work looks here first.
 */
export class Calls {
  readonly #open: Call[] = []

  /** Notes a call until somebody waits for it, be it by `await`, `then` or `Promise.all`. Gives the same promise. */
  note<T>(verb: string, model: AnyModel | undefined, promise: Promise<T>): Promise<T> {
    const call: Call = { calls: this, at: this.#open.length, verb, model, promise }
    this.#open.push(call)
    const noted = promise as unknown as Noted
    // `await` looks up `then` on all promises but those whose constructor is Promise.
    noted.constructor = undefined
    // biome-ignore lint/suspicious/noThenProperty: it stands in for the one of the promise that this is
    noted.then = awaited
    noted[toldElsewhere] = call
    return promise
  }

  /** The calls that nobody has waited for, as one error, and their end; how they end is told no more. */
  left(): CallsLeft | undefined {
    if (this.#open.length === 0) return undefined
    const open = this.#open.splice(0)
    const names = open.map(({ verb, model }) => `db.${verb}${model?.name === undefined ? '' : `(${model.name})`}`)
    return { error: missingAwait(names.join(', ')), ended: Promise.allSettled(open.map(({ promise }) => promise)) }
  }

  remove({ at }: Call): void {
    const last = this.#open.pop()
    if (last === undefined || last.at === at) return
    last.at = at
    this.#open[at] = last
  }
}

const nativeThen = Promise.prototype.then

function awaited(this: Noted, ...reactions: Parameters<typeof nativeThen>): Promise<unknown> {
  const call = this[toldElsewhere]
  if (call !== undefined) {
    this[toldElsewhere] = undefined
    call.calls.remove(call)
  }
  return nativeThen.call(this as unknown as Promise<unknown>, ...reactions) as Promise<unknown>
}

export function missingAwait(calls: string): MonoblocError {
  return new MonoblocError('missing_await', { detail: `Not awaited: ${calls}.` })
}
