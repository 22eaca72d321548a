import { expect, test } from 'vitest'
import { z } from 'zod'
import { event } from './event.ts'
import { createSubscriber } from './subscriber.ts'
import { type Gathered, handledBy } from './why-gather.ts'
import type { WhyNode } from './why-node.ts'
import { whyTree } from './why-tree.ts'

const Placed = event('placed', { schema: z.object({}) })
const at = Date.parse('2026-03-01T12:00:00Z')
const named = (name: string) => createSubscriber({}, Placed, { name, handle() {} })

function commit(position: number, cause: string | null, ...events: string[]): [number, never] {
  const entries = events.map((id) => ({ table: 'monobloc_event', operation: 'insert', row: { id, name: 'placed' } }))
  const facts = { position, at: at + position, actor: null, cause, trace: 'a', transaction: { position, entries } }
  return [position, facts as never]
}

function gathered(facts: Partial<Gathered>): Gathered {
  return {
    traces: new Set(['a']),
    commits: new Map(),
    jobs: new Map(),
    ticks: new Map(),
    skipped: [],
    waiting: [],
    webhooks: [],
    consumers: new Map(),
    truncated: false,
    ...facts,
  }
}

const consumer = (name: string, position: number, more = {}) =>
  [
    `subscriber:${name}`,
    { name: `subscriber:${name}`, position, state: 'running', attempts: 0, error: null, ...more },
  ] as const

function outline({ kind, id, outcome, attempts, error, children }: WhyNode): unknown {
  const line = [kind, id, outcome, attempts, error].filter((part) => part !== null).join(' ')
  return children.length > 0 ? [line, ...children.map(outline)] : line
}

test('subscribers that wrote nothing: done, failing, skipped, paused, still to come', () => {
  const facts = gathered({
    commits: new Map([commit(7, 'r', 'e')]),
    consumers: new Map([
      consumer('done', 9),
      consumer('failing', 6, { attempts: 3, error: 'Error: no' }),
      consumer('skipped', 9),
      consumer('paused', 5, { state: 'paused' }),
      consumer('waiting', 5),
      consumer('lane', 9),
    ]),
    skipped: [{ consumer: 'subscriber:skipped', position: 7, attempts: 4, error: 'Error: never', at }],
    waiting: [{ consumer: 'subscriber:lane', position: 7, attempts: 2, error: 'Error: busy', at }],
  })
  const names = ['done', 'failing', 'skipped', 'paused', 'waiting', 'lane', 'new']
  expect(whyTree(facts, names.map(named)).map(outline)).toEqual([
    [
      'request r',
      [
        'commit 7 committed',
        [
          'event e',
          'subscriber done:7 done',
          'subscriber failing:7 failing 3 Error: no',
          'subscriber skipped:7 skipped 4 Error: never',
          'subscriber paused:7 paused',
          'subscriber waiting:7 waiting',
          'subscriber lane:7 failing 2 Error: busy',
          'subscriber new:7 waiting',
        ],
      ],
    ],
  ])
})

test('a transaction for several events stands under the first of them that is shown', () => {
  const facts = gathered({
    commits: new Map([commit(7, 'r', 'e'), commit(12, 'subscriber:mail:5-9')]),
    consumers: new Map([consumer('mail', 12)]),
  })
  expect(whyTree(facts, [named('mail')]).map(outline)).toEqual([
    ['request r', ['commit 7 committed', ['event e', ['subscriber mail:7 done', 'commit 12 committed']]]],
  ])
  expect(handledBy('subscriber:send-mail:5-9')).toEqual({ name: 'send-mail', first: 5, last: 9 })
  expect(handledBy('subscriber:send-mail:5')).toEqual({ name: 'send-mail', first: 5, last: 5 })
  expect([handledBy('job:5'), handledBy('r'), handledBy(null)]).toEqual([undefined, undefined, undefined])
})

test('deliveries of webhooks stand under their event', () => {
  const sent = { endpoint: 'shop', message: 'e', event: 'placed', created: at, tried: at + 5 }
  const facts = gathered({
    commits: new Map([commit(7, null, 'e')]),
    webhooks: [
      { ...sent, sequence: 1, state: 'delivered', attempts: 1, status: 200, error: null },
      { ...sent, sequence: 2, state: 'waiting', attempts: 2, status: 503, error: null },
      { ...sent, sequence: 3, state: 'skipped', attempts: 9, status: null, error: 'connection refused' },
    ],
  })
  expect(whyTree(facts, []).map(outline)).toEqual([
    [
      'commit 7 committed',
      [
        'event e',
        'delivery shop:1 delivered 1',
        'delivery shop:2 waiting 2 503',
        'delivery shop:3 skipped 9 connection refused',
      ],
    ],
  ])
})

test('what was pruned stands there as unknown', () => {
  const facts = gathered({
    commits: new Map([commit(7, 'job:gone'), commit(8, 'schedule:tidy:x'), commit(9, 'subscriber:mail:3')]),
  })
  expect(whyTree(facts, []).map(outline)).toEqual([
    ['job gone unknown', 'commit 7 committed'],
    ['tick tidy:x unknown', 'commit 8 committed'],
    ['subscriber mail:3 done', 'commit 9 committed'],
  ])
})
