import type { LogLevel } from './log.ts'

/**
 * A kind of thing that happens, declared once by the room where it happens:
 *
 *   export const requestDone = diagnostic<RequestDone>('http.request', 'info', (e) => `${e.method} ${e.route} ${e.status}`)
 */
export interface Diagnostic<T> {
  readonly name: string
  /** The level of its log line; with a function, decided for each event. */
  readonly level: LogLevel | ((event: T) => LogLevel)
  /** The sentence of its log line. */
  readonly message: string | ((event: T) => string)
  /** Its place in the table of what is on. */
  readonly index: number
}

export type DiagnosticListener = (diagnostic: Diagnostic<any>, event: any) => void

let declared = 0

/** Declares a diagnostic. Call it at module level: each call takes a place for good. */
export function diagnostic<T extends object>(
  name: string,
  level: Diagnostic<T>['level'],
  message: Diagnostic<T>['message'],
): Diagnostic<T> {
  return { name, level, message, index: declared++ }
}

interface Subscription {
  listener: DiagnosticListener
  wants: (diagnostic: Diagnostic<any>) => boolean
}

/**
 * What happens inside one backend, for whoever subscribed. Code asks `on()` before it builds an event, so that what
 * nobody wants costs one look into an array:
 *
 *   if (diagnostics.on(requestDone)) diagnostics.emit(requestDone, { method, route, status })
 */
export class Diagnostics {
  #subscriptions: Subscription[] = []
  // Who wants a diagnostic, found out when it is first asked for and forgotten when subscriptions change.
  #listeners: (DiagnosticListener[] | undefined)[] = []

  on(diagnostic: Diagnostic<any>): boolean {
    return this.#listenersOf(diagnostic).length > 0
  }

  /** Tells the subscribers. A listener that throws is a bug of the listener and reaches the caller. */
  emit<T>(diagnostic: Diagnostic<T>, event: T): void {
    for (const listener of this.#listenersOf(diagnostic)) listener(diagnostic, event)
  }

  /**
   * @param wants which diagnostics; asked once for each kind, not for each event. Default: all
   * @returns ends the subscription
   */
  subscribe(listener: DiagnosticListener, wants: Subscription['wants'] = () => true): () => void {
    const subscription = { listener, wants }
    this.#replace([...this.#subscriptions, subscription])
    return () => this.#replace(this.#subscriptions.filter((other) => other !== subscription))
  }

  #replace(subscriptions: Subscription[]): void {
    this.#subscriptions = subscriptions
    this.#listeners = []
  }

  #listenersOf(diagnostic: Diagnostic<any>): DiagnosticListener[] {
    return (this.#listeners[diagnostic.index] ??= this.#subscriptions
      .filter(({ wants }) => wants(diagnostic))
      .map(({ listener }) => listener))
  }
}
