import { MonoblocError } from '../errors.ts'
import { violationsOf } from '../schema/index.ts'
import type { LogEntry } from '../storage/index.ts'
import type { EventType } from './event.ts'

/** Bytes of an event's data as JSON: an event says what happened, and names what is large. */
export const mostEventBytes = 65_536

/** One event as the log has it. */
export interface RecordedEvent {
  id: string
  name: string
  version: number
  data: unknown
}

export function recordedEvent(entry: LogEntry): RecordedEvent {
  return entry.row as unknown as RecordedEvent
}

/**
 * What is kept of data: JSON, which the event's schema accepts.
 *
 * @returns the data as whoever reads the log will have it: for the log, and for subscribers
 * @throws MonoblocError `event_invalid`, `event_too_large`
 */
export function keptData(event: EventType, data: unknown): { kept: unknown; read: unknown } {
  const text = jsonOf(event, data)
  // No character has more than three bytes for each of its units.
  const bytes = text.length * 3 <= mostEventBytes ? 0 : Buffer.byteLength(text)
  if (bytes > mostEventBytes) {
    throw new MonoblocError('event_too_large', {
      subject: event.name,
      detail: `Its data has ${bytes} bytes, and ${mostEventBytes} is the most.`,
    })
  }
  const kept: unknown = JSON.parse(text)
  return { kept, read: accepted(event, kept) }
}

/**
 * The data of an event in the log, as its newest schema has it.
 *
 * @throws MonoblocError `event_version_unknown`, `event_invalid`
 */
export function readData(event: EventType, { version, data }: RecordedEvent): unknown {
  const { upcast } = event.options
  if (version > event.version) {
    throw new MonoblocError('event_version_unknown', {
      subject: event.name,
      detail: `The log has version ${version}, and this app knows ${event.version}.`,
    })
  }
  let newest = data
  for (let step = version; step < event.version; step++) {
    const next = upcast?.[step]
    if (!next) {
      throw new MonoblocError('event_version_unknown', {
        subject: event.name,
        detail: `The log has version ${version}, and upcast of this app begins at ${oldestOf(event)}.`,
      })
    }
    newest = next(newest)
  }
  return accepted(event, newest)
}

function oldestOf({ version, options }: EventType): number {
  return Math.min(version, ...Object.keys(options.upcast ?? {}).map(Number))
}

function jsonOf(event: EventType, data: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    throw new MonoblocError('event_invalid', { subject: event.name, detail: 'Its data has no form in JSON.', cause })
  }
  if (text === undefined) throw new MonoblocError('event_invalid', { subject: event.name, detail: 'It has no data.' })
  return text
}

function accepted(event: EventType, data: unknown): unknown {
  const result = event.options.schema['~standard'].validate(data)
  if (result instanceof Promise) {
    // Whoever emits is in a transaction, which waits for nothing else.
    result.catch(() => {})
    throw new MonoblocError('event_invalid', { subject: event.name, detail: 'Its schema must check at once.' })
  }
  if (!result.issues) return result.value
  const wrong = violationsOf(result.issues, [], data).map(({ path, message }) => `${path.join('.') || 'it'} ${message}`)
  throw new MonoblocError('event_invalid', { subject: event.name, detail: `${wrong.join('; ')}.` })
}
