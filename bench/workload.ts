import { bodyAt, itemCount } from './item.ts'

export const workloads = ['hello', 'read', 'list', 'write'] as const
export type Workload = (typeof workloads)[number]

/** Rows of a page, in every server. */
export const pageSize = 20

export const newestPath = `/items?sort=-id&limit=${pageSize}`

// Enough that every part of the table is read; few enough to be made before anything is timed.
const differentRequests = 8192

/** Whole requests, in the order in which they are sent, over and over. */
export function requestsOf(workload: Workload, port: number): string[] {
  if (workload === 'hello') return [get('/', port)]
  if (workload === 'list') return [get(newestPath, port)]
  const ids = pseudoRandomIds(differentRequests)
  if (workload === 'read') return ids.map((id) => get(`/items/${id}`, port))
  return ids.map((id) => post('/items', newItem(id), port))
}

/** What a POST sends; the server adds the rest. */
export function newItem(id: number): { title: string; body: string } {
  return { title: `A new item like ${id}`, body: bodyAt(id) }
}

/** The same ones in each run. */
export function pseudoRandomIds(count: number): number[] {
  let state = 20_260_101
  return Array.from({ length: count }, () => {
    // The constants are those of Numerical Recipes' linear congruential generator; its high bits are good enough.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 1 + Math.floor((state / 2 ** 32) * itemCount)
  })
}

// No headers but those that HTTP/1.1 needs: what a server does for each header is not what is compared.
function get(path: string, port: number): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`
}

function post(path: string, value: unknown, port: number): string {
  const body = JSON.stringify(value)
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}`
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${head}\r\n\r\n${body}`
}
