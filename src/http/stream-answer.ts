import { MonoblocError } from '../errors.ts'
import type { Answer } from './answer.ts'
import type { ReplyState } from './reply.ts'
import { linesType, type ServerEvent, type StreamReturns } from './returns-stream.ts'
import type { Serialise } from './serialise.ts'
import { ItemStream } from './stream-items.ts'

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** @throws MonoblocError `response_invalid` for what is no async iterable */
export function streamAnswer(
  status: number,
  value: unknown,
  { kind, type, heartbeat, retry }: StreamReturns,
  serialise: Serialise,
  reply: ReplyState | undefined,
): Answer {
  if (!isAsyncIterable(value))
    throw new MonoblocError('response_invalid', {
      detail: `The handler must return an async iterable, such as \`async *handle\` does, not ${typeof value}.`,
    })
  const fields = reply?.fields ?? []
  if (kind === 'lines') return linesAnswer(status, value, serialise, fields)
  const body = new ItemStream(value, (item) => eventText(item, serialise), {
    greeting: retry === undefined ? ':\n\n' : `retry: ${retry}\n\n`,
    heartbeat: { text: ':\n\n', every: heartbeat },
    endless: true,
  })
  const own = reply?.get('cache-control') === undefined ? ['cache-control', 'no-cache, no-transform'] : []
  // Nginx and others that know the field hand on what comes at once, and not by the page.
  return { status, headers: ['content-type', type, ...own, 'x-accel-buffering', 'no', ...fields], body, tag: null }
}

/** @param fields without a content type */
export function linesAnswer(
  status: number,
  items: AsyncIterable<unknown>,
  serialise: Serialise,
  fields: string[],
): Answer {
  const body = new ItemStream(items, (item) => `${serialise(item)}\n`)
  return { status, headers: ['content-type', linesType, ...fields], body, tag: null }
}

/** One event (WHATWG HTML, 9.2.5). JSON has no line ends of its own, so that its data is one line. */
function eventText(item: unknown, serialise: Serialise): string {
  const { data, id, event, retry } = (item ?? {}) as ServerEvent<unknown>
  if (data === undefined) throw invalid('an event needs data')
  if (event !== undefined && /[\r\n]/.test(event)) throw invalid(`event ${JSON.stringify(event)} has a line end`)
  // A client ignores an id with U+0000, and would come back from an older place.
  if (id !== undefined && /[\r\n\0]/.test(id)) throw invalid(`id ${JSON.stringify(id)} has a line end or U+0000`)
  if (retry !== undefined && (!Number.isInteger(retry) || retry < 0))
    throw invalid(`retry is milliseconds, not ${retry}`)
  let text = ''
  if (retry !== undefined) text += `retry: ${retry}\n`
  if (event !== undefined) text += `event: ${event}\n`
  if (id !== undefined) text += `id: ${id}\n`
  return `${text}data: ${serialise(data)}\n\n`
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('response_invalid', { detail: `eventStream: ${detail}.` })
}
