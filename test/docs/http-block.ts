import { deadlineMilliseconds } from './child-process.ts'
import { assertExpected } from './expected-output.ts'

/** A request of an http block, and the answer that the page shows in lines `# …` below it. */
export interface HttpExchange {
  method: string
  target: string
  headers: [string, string][]
  body: string
  answer: { status: number; headers: [string, string][]; body: string }
}

/**
 *     POST /articles
 *     Content-Type: application/json
 *
 *     {"title": "One"}
 *
 *     # 201 Created
 *     # Location: /articles/…
 *     #
 *     # {"id": "…", "title": "One"}
 *
 * The answer needs its status; of its headers and body, what is shown must be so. Further requests follow `###`.
 */
export function parseHttp(text: string): HttpExchange[] {
  return text.split(/^###.*$/m).map((part) => {
    const lines = part.trim().split('\n')
    const requestLines = lines.filter((line) => !/^#( |$)/.test(line))
    const request = parseMessage(requestLines)
    const answer = parseMessage(lines.filter((line) => /^#( |$)/.test(line)).map((line) => line.slice(2)))
    const [, method, target] = /^([A-Z]+) (\S+)/.exec(request.first) ?? []
    const status = Number(/^\d{3}\b/.exec(answer.first)?.[0])
    if (!method || !target) throw new Error(`not a request line: ${request.first}`)
    if (!status) throw new Error(`${request.first} has no answer: show its status as \`# 200 OK\``)
    return { method, target, headers: request.headers, body: request.body, answer: { ...answer, status } }
  })
}

function parseMessage(lines: string[]): { first: string; headers: [string, string][]; body: string } {
  const end = lines.indexOf('')
  const head = end < 0 ? lines : lines.slice(0, end)
  const headers = head.slice(1).map((line): [string, string] => {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`not a header line: ${line}`)
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return {
    first: head[0] ?? '',
    headers,
    body:
      end < 0
        ? ''
        : lines
            .slice(end + 1)
            .join('\n')
            .trim(),
  }
}

/** Sends the request to a server and throws if the answer is not the one shown. */
export async function exchange(origin: string, { method, target, headers, body, answer }: HttpExchange): Promise<void> {
  const what = `${method} ${target}`
  const url = new URL(target.replace(/^http:\/\/localhost:3000(?=\/|$)/, ''), origin)
  const signal = AbortSignal.timeout(deadlineMilliseconds)
  const response = await fetch(url, { method, headers, body: body || undefined, redirect: 'manual', signal })
  const text = (await response.text()).replaceAll(url.host, 'localhost:3000')
  assertExpected(String(answer.status), String(response.status), `${what}: ${text}`)
  for (const [name, value] of answer.headers) {
    assertExpected(value, (response.headers.get(name) ?? '').replaceAll(url.host, 'localhost:3000'), `${what}: ${name}`)
  }
  if (answer.body) assertExpected(answer.body, text, what)
}
