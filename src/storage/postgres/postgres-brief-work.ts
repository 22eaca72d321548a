/** Runs in a row that asked one statement and ended, until a kind of work is taken for brief. */
const untilTrusted = 8

/** Runs more than that, once work that was taken for brief did otherwise: what it cost the others is soon made up for. */
const afterMistake = 64

/** Kinds are routes, as a rule: an application has some hundreds. */
const mostKinds = 1024

/**
 * Which kinds of work ask one statement and end, as an insert behind a route does. Such work of several requests can go to
 * the server together, before anyone has heard an answer (`PostgresWriteTurn.runTogether`). It is learnt from what each kind
 * did the last times; to be wrong costs time, and nothing else.
 */
export class BriefWork {
  readonly #runs = new Map<string, number>()

  isBrief(kind: string | undefined): boolean {
    return kind !== undefined && (this.#runs.get(kind) ?? 0) >= untilTrusted
  }

  /** @param brief it asked one statement, and ended well */
  note(kind: string | undefined, brief: boolean): void {
    if (kind === undefined) return
    const runs = this.#runs.get(kind) ?? 0
    if (brief && runs >= untilTrusted) return
    if (!this.#runs.has(kind) && this.#runs.size >= mostKinds) this.#runs.delete(this.#runs.keys().next().value!)
    if (brief) this.#runs.set(kind, runs + 1)
    else this.#runs.set(kind, runs >= untilTrusted ? -afterMistake : Math.min(runs, 0))
  }
}
