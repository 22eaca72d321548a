import { newestPath, newItem, pseudoRandomIds } from '../workload.ts'

export const mixes = ['read', 'list', 'growing list'] as const
export type Mix = (typeof mixes)[number]

export const titles: Record<Mix, string> = {
  read: '`GET /items/:id`, beside changes of rows of the same table',
  list: '`GET /items?sort=-id&limit=20`, beside changes of rows of the same table',
  'growing list': '`GET /items?sort=-id&limit=20`, beside new rows, each of which is first on the page',
}

/** One request in so many is a write. */
export const writeEvery = 10

// Enough that rows are asked for all over the table; few enough that each is asked for again within a second.
const differentRequests = 8190

/** Whole requests, in the order in which they are sent, over and over. */
export function requestsOf(mix: Mix, port: number): string[] {
  const ids = pseudoRandomIds(2 * differentRequests)
  return Array.from({ length: differentRequests }, (_, at) => {
    const id = ids[at]!
    if (at % writeEvery === 0) {
      return mix === 'growing list'
        ? send('POST', '/items', newItem(id), port)
        : send('PATCH', `/items/${ids[differentRequests + at]}`, { title: `Changed ${at}` }, port)
    }
    return mix === 'read' ? get(`/items/${id}`, port) : get(newestPath, port)
  })
}

function get(path: string, port: number): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`
}

function send(method: string, path: string, value: unknown, port: number): string {
  const body = JSON.stringify(value)
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  const head = `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}`
  return `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${head}\r\n\r\n${body}`
}
