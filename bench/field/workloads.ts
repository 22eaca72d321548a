import { bodyAt, itemCount } from '../item.ts'
import { pseudoRandomIds } from '../workload.ts'
import { counts, statuses } from './data.ts'
import type { Peer } from './peers.ts'

export const fieldWorkloads = ['hello', 'read', 'include', 'filtered', 'articles', 'write', 'mixed'] as const
export type FieldWorkload = (typeof fieldWorkloads)[number]

export const titles: Record<FieldWorkload, string> = {
  hello: 'a small JSON answer, no database',
  read: 'one row of 100,000 by its key',
  include: 'the newest 20 rows, each with its author',
  filtered: 'the newest 20 rows with a status, by an index',
  articles: 'the article list of the RealWorld API: 20 of 2,000 with author, tags and favourites',
  write: 'a validated row, answered when it is on disk',
  mixed: 'nine reads by key to one such write',
}

/** The workloads that touch the table. */
export const ofTable = fieldWorkloads.filter((name) => name !== 'hello')

const differentRequests = 4096

export const newItem = (id: number, { author }: Peer) => ({
  title: `A new item like ${id}`,
  body: bodyAt(id),
  status: statuses[id % 3]!,
  [author]: 1 + (id % counts.authors),
})

export function pathOf(workload: 'include' | 'filtered', { page = (sort) => `sort=-${sort}&limit=20` }: Peer): string {
  return workload === 'include' ? `/items?include=author&${page('id')}` : `/items?status=open&${page('createdAt')}`
}

/** Whole requests, in the order in which they are sent, over and over. */
export function fieldRequests(workload: FieldWorkload, peer: Peer, port: number): string[] {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`
  const post = (id: number) => {
    const body = JSON.stringify(newItem(id, peer))
    const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}`
    return `POST /items HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${head}\r\n\r\n${body}`
  }
  const ids = pseudoRandomIds(differentRequests).map((id) => Math.min(id, itemCount))
  switch (workload) {
    case 'hello':
      return [get('/')]
    case 'articles':
      return [get('/articles?limit=20')]
    case 'include':
    case 'filtered':
      return [get(pathOf(workload, peer))]
    case 'read':
      return ids.map((id) => get(`/items/${id}`))
    case 'write':
      return ids.map(post)
    case 'mixed':
      return ids.map((id, at) => (at % 10 === 9 ? post(id) : get(`/items/${id}`)))
  }
}
