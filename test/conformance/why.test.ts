import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { backend, define, event, model, t } from 'monobloc'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { whyReport } from '../../src/cli/why-report.ts'
import { type Why, type WhyNode, why } from '../../src/effects/index.ts'
import { painter, withAppEffects } from '../../src/runtime/index.ts'
import { engine } from './engine.ts'

const Order = model('order', { id: t.serial(), item: t.text() })
const Note = model('note', { id: t.serial(), text: t.text() })
const { endpoint, job, on, policy, schedule } = define({ models: { Order, Note } })
policy(Order, { anyone: { create: true } })
policy(Note, { anyone: { create: true } })

const Placed = event('order.placed', { schema: z.object({ item: z.string() }) })
const pack = job('pack', {
  input: z.object({ item: z.string() }),
  handle: async ({ db, input }) => void (await db.insert(Note, { text: `packed ${input.item}` })),
})
const weigh = job('weigh', {
  input: z.object({ item: z.string() }),
  retry: false,
  handle() {
    throw new Error('the scales are broken')
  },
})
const bill = on(Placed, {
  name: 'bill',
  async handle({ db, data, enqueue }) {
    await db.insert(Note, { text: `billed ${data.item}` })
    await enqueue(pack, { item: data.item })
  },
})
const watch = on(Placed, { name: 'watch', handle() {} })
const place = endpoint('POST /orders', {
  anyone: true,
  body: z.object({ item: z.string() }),
  async handle({ db, body, emit, enqueue }) {
    const order = await db.insert(Order, body)
    await db.insert(Order, [{ item: 'a gift' }, { item: 'a card' }])
    await emit(Placed, { item: body.item })
    await enqueue(weigh, { item: body.item })
    return order
  },
})
const tidy = schedule('tidy', { every: '1d', run: async ({ db }) => void (await db.insert(Note, { text: 'tidied' })) })
const app = backend({ name: 'shop', serve: [place, bill, watch, pack, weigh, tidy] })

let folder: string
let environment: NodeJS.ProcessEnv
let request: string
let traceOfTick: string

const asked = (id: string): Promise<Why> => withAppEffects(app, { folder, environment }, (open) => why(open, id))
const plain = painter(false)

/** The tree without times and ids that differ from run to run. */
function outline({ kind, name, outcome, rows, children }: WhyNode): unknown {
  const told = [
    kind,
    name,
    outcome,
    ...Object.entries(rows).map(([table, counts]) => `${table} ${JSON.stringify(counts)}`),
  ]
  const line = told.filter(Boolean).join(' ')
  return children.length > 0 ? [line, ...children.map(outline)] : line
}

async function settled(id: string, isDone: (report: string) => boolean): Promise<void> {
  const report = async () => asked(id).then((found) => whyReport(found, plain), String)
  await vi.waitFor(async () => expect(isDone(await report())).toBe(true), { timeout: 45_000, interval: 100 })
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'monobloc-why-'))
  environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent', ...(await engine.settings()) }
  const { url } = await app.start({ port: 0, folder, environment })
  const answer = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ item: 'salt' }),
  })
  expect(answer.ok).toBe(true)
  request = answer.headers.get('x-request-id')!
  traceOfTick = (await app.schedules.runNow('tidy')).trace
  await settled(request, (text) => /pack .* done/.test(text) && text.includes('scales') && /watch {2}done/.test(text))
  await settled(traceOfTick, (text) => text.includes('note: 1 insert'))
})
afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

test('a request is followed to its commits, their events, subscribers, jobs and the next commits', async () => {
  const { found, traces, nodes } = await asked(request)
  expect(found).toBe('request')
  expect(traces).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)])
  expect(nodes.map(outline)).toEqual([
    [
      'request',
      [
        'commit committed order {"insert":3}',
        [
          'event order.placed',
          [
            'subscriber bill done',
            'commit committed note {"insert":1}',
            ['job pack done', 'commit committed note {"insert":1}'],
          ],
          'subscriber watch done',
        ],
      ],
      'job weigh failed',
    ],
  ])
})

test('a commit, a job and the trace lead to the same tree', async () => {
  const { traces, nodes } = await asked(request)
  const [
    {
      children: [commit, weighed],
    },
  ] = nodes as [WhyNode]
  expect(await asked(commit!.id)).toEqual({ found: 'commit', traces, nodes, truncated: false })
  expect(await asked(weighed!.id)).toEqual({ found: 'job', traces, nodes, truncated: false })
  expect(await asked(traces[0]!)).toEqual({ found: 'trace', traces, nodes, truncated: false })
})

test('it is told with times, attempts and errors', async () => {
  const found = await asked(request)
  const report = whyReport(found, plain)
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}`
  expect(report).toMatch(
    new RegExp(
      [
        `^trace ${found.traces[0]}`,
        `request ${request.replaceAll('.', String.raw`\.`)}`,
        `├─ commit 1  ${time}  order: 3 inserts`,
        '│  └─ event order\\.placed',
        '│     ├─ subscriber bill  done',
        `│     │  ├─ commit \\d+  ${time}  note: 1 insert`,
        `│     │  └─ job pack [0-9a-f-]{36}  ${time}  done  1 attempt  after .* m?s`,
        `│     │     └─ commit \\d+  ${time}  note: 1 insert`,
        '│     └─ subscriber watch  done',
        `└─ job weigh [0-9a-f-]{36}  ${time}  failed  1 attempt  after .* m?s  the scales are broken`,
      ].join('\n'),
    ),
  )
})

test('a tick is followed too', async () => {
  const { found, nodes } = await asked(traceOfTick)
  expect(found).toBe('trace')
  expect(nodes.map(outline)).toEqual([
    ['tick tidy manual', ['job schedule:tidy done', 'commit committed note {"insert":1}']],
  ])
  expect(await asked(nodes[0]!.id)).toMatchObject({ found: 'tick', nodes })
})

test('what is not known is answered so', async () => {
  for (const id of ['nothing', '0', '999999', '0'.repeat(32), randomUUID(), "'; drop table note"]) {
    await expect(asked(id), id).rejects.toMatchObject({ code: /^0$/.test(id) ? 'position_pruned' : 'not_found' })
  }
  await withAppEffects(app, { folder, environment }, async (open) => {
    await open.storage.prune({ maxAge: 0, maxEntries: 1 })
  })
  await expect(asked('1')).rejects.toMatchObject({ code: 'position_pruned' })
  await expect(asked(request)).rejects.toMatchObject({ code: 'not_found' })
})
