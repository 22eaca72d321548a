import type { Diagnostic, Diagnostics } from './diagnostics.ts'
import type { Logger } from './log.ts'

/**
 * The one subscriber that turns diagnostics into log lines: the event's fields, its sentence, and its name as `event`.
 * Diagnostics of a fixed level that the logger does not write stay off.
 */
export function logDiagnostics(diagnostics: Diagnostics, log: Logger): () => void {
  return diagnostics.subscribe(
    (diagnostic: Diagnostic<object>, event: object) => {
      const level = typeof diagnostic.level === 'function' ? diagnostic.level(event) : diagnostic.level
      if (level === 'silent' || !log.enabled(level)) return
      const message = typeof diagnostic.message === 'function' ? diagnostic.message(event) : diagnostic.message
      log[level](message, { event: diagnostic.name, ...event })
    },
    ({ level }) => log.level !== 'silent' && (typeof level === 'function' || log.enabled(level)),
  )
}
