import { type ServerResponse, STATUS_CODES } from 'node:http'
import { type Answer, onlyJson } from './answer.ts'
import type { HttpApp } from './app.ts'

// RFC 9110 (6.6.1) has the date to the second: made anew for each answer it would take as long as the rest of a head.
let second = Number.NEGATIVE_INFINITY
let common = ''

/** What comes behind the status line in every head, up to the request's id. */
function commonFields(): string {
  const now = Date.now()
  if (now - second >= 1000 || now < second) {
    second = now - (now % 1000)
    common = `\r\ndate: ${new Date(second).toUTCString()}\r\nconnection: keep-alive\r\nx-request-id: `
  }
  return common
}

/**
 * The head of an answer of 200 with text, but for what is of one request: from behind the request's id to its empty line.
 * Every value in it was looked at where it was said.
 */
export function headOf(app: HttpApp, { headers }: Answer, tag: string, bytes: number): string {
  const vary = bytes >= app.compressFrom ? '\r\nvary: Accept-Encoding' : ''
  const own = `\r\netag: "${tag}"\r\ncontent-length: ${bytes}${vary}\r\n\r\n`
  if (headers === onlyJson) return app.usualHead + own
  const fields = [...headers, 'cache-control', app.cacheControl]
  app.fields.addTo(fields)
  return fieldsText(fields) + own
}

/** @param fields names and values in turn */
export function fieldsText(fields: readonly string[]): string {
  let text = ''
  for (let at = 0; at < fields.length; at += 2) text += `\r\n${fields[at]}: ${fields[at + 1]}`
  return text
}

/** The connection goes on, and nobody has set a field of the answer, as programs that watch others do. */
export function isUntouched(response: ServerResponse): boolean {
  return response.shouldKeepAlive && response.getHeaderNames().length === 0
}

/**
 * Sends an answer with text on a connection that goes on, in one write of one text. To have Node lay out and look at a head
 * that is known to be right takes a tenth of a read by key.
 *
 * @param head what stands behind the request's id, as far as `body` does not begin with it
 */
export function sendText(
  response: ServerResponse,
  status: number,
  id: string,
  head: string,
  body: string,
  encoding: 'latin1' | 'utf8',
): void {
  const whole = response as ServerResponse & { _header: string | null }
  response.statusCode = status
  // Node's own name for a head that is laid out: `end` writes it before the body, in one piece.
  whole._header = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}${commonFields()}${id}${head}`
  response.end(body, encoding)
}
