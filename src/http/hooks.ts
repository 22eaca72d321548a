import type { MonoblocError } from '../errors.ts'

/** An answer that is about to leave. What it does is done: a hook adds to its header, and can't take it back. */
export interface Leaving {
  readonly status: number
  /** What it fails with; undefined where it does not. */
  readonly error: MonoblocError | undefined
  /** Sets a field of its header. `set-cookie` adds. */
  header(name: string, value: string | number): void
}

/** Hooks of an app, a group or a route. */
export interface Hooks<Context = any> {
  /**
   * Runs when the input has been checked, before `prepare` and the transaction; may await anything, and only reads.
   * What it throws is the answer. In order: the app's, the group's, the route's.
   */
  before?(context: Context): unknown
  /**
   * Runs when the answer is there and, for a write, on disk; problems too, once a route was found. In order: the route's,
   * the group's, the app's. What it throws is logged.
   */
  after?(context: Context, answer: Leaving): unknown
}

export type BeforeHook = NonNullable<Hooks['before']>
export type AfterHook = NonNullable<Hooks['after']>

/** The hooks of an app, of the groups from the outermost on, and of a route, as one `prepare` has them. */
export function withBefore(
  hooks: readonly (BeforeHook | undefined)[],
  prepare: ((context: never) => unknown) | undefined,
): ((context: never) => unknown) | undefined {
  const before = hooks.filter((hook) => hook !== undefined)
  if (before.length === 0) return prepare
  return async (context) => {
    for (const hook of before) await hook(context)
    return prepare?.(context)
  }
}
