import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import express from 'express'
import { backend, define, event, model, raw, receiveOnce, t, verifyWebhook } from 'monobloc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { call } from '../api/call.ts'
import { engine } from './engine.ts'

// One app that sends, and takes in what it has sent.
const Order = model('order', { id: t.serial(), shop: t.text(), total: t.integer() })
const Arrival = model('arrival', { id: t.serial(), message: t.text(), total: t.integer() })
const Paid = event('order.paid', { schema: z.object({ shop: z.string(), total: z.int() }) })

const { endpoint, webhooks } = define({ models: { Order, Arrival } })

const hooks = webhooks({
  events: [Paid],
  owner: ({ data }) => data.shop,
  egress: { allow: ['127.0.0.1'], http: true, ports: 'any' },
})

let secret = ''
const verified = (context: { headers: http.IncomingHttpHeaders; body: Buffer }) => verifyWebhook(context, { secret })

const pay = endpoint('POST /orders', {
  body: z.object({ shop: z.string(), total: z.int() }),
  async handle({ db, body, emit }) {
    await db.asSystem().insert(Order, body)
    void emit(Paid, body)
  },
})

const subscribe = endpoint('POST /shops/:shop/endpoints', {
  body: z.object({ url: z.string() }),
  handle: ({ db, params, body }) => hooks.in(db).add({ url: body.url, owner: params.shop }),
})

const list = endpoint('GET /shops/:shop/endpoints', {
  handle: ({ db, params }) => hooks.in(db).list({ owner: params.shop }),
})

const arrive = endpoint('POST /arrivals', {
  body: raw(),
  bodyLimit: 1000,
  async handle({ db, headers, body }) {
    const { id, data } = verified({ headers, body })
    if (!(await receiveOnce(db, { from: 'shop', id }))) return
    const { total } = (data as { data: { total: number } }).data
    await db.asSystem().insert(Arrival, { message: id, total })
    if (total === 13) throw new Error('unlucky')
  },
})

const bytes = endpoint('POST /bytes', {
  body: raw({ types: ['application/octet-stream', 'application/json'] }),
  handle: ({ body }) => ({ hex: body.toString('hex') }),
})

const app = backend({ serve: [pay, subscribe, list, arrive, bytes, hooks] })
const quiet = { write() {} }
let port = 0
let receiving = ''

const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-webhooks-'))

beforeAll(async () => {
  const environment = { NODE_ENV: 'test', PORT: '0', MONOBLOC_DATA: folder }
  const started = await app.start({
    folder,
    environment: { ...environment, ...(await engine.settings()) },
    logTo: quiet,
  })
  port = started.port
  receiving = `http://127.0.0.1:${port}/arrivals`
})

afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

const arrivals = () => app.transaction(async (db) => db.find(Arrival, { sort: ['id'] }))

test('what a handler emits arrives signed, and does what it leads to once', async () => {
  const added = await call(port, 'POST /shops/ann/endpoints', { body: { url: receiving } })
  secret = added.json.secret
  expect(added.json).toMatchObject({ owner: 'ann', state: 'active' })
  const listed = await call(port, 'GET /shops/ann/endpoints')
  expect(listed.json).toMatchObject([{ id: added.json.id, url: receiving }])
  expect(listed.body).not.toContain('whsec_')
  for (const body of [
    { shop: 'ann', total: 5 },
    { shop: 'bob', total: 6 },
    { shop: 'ann', total: 7 },
  ])
    expect((await call(port, 'POST /orders', { body })).status).toBe(204)
  await expect.poll(async () => (await arrivals()).map(({ total }) => total)).toEqual([5, 7])
  await app.webhooks.replay(`${added.json.id}:1`)
  await expect.poll(async () => (await app.webhooks.delivery(`${added.json.id}:3`)).state).toBe('delivered')
  expect(await arrivals()).toHaveLength(2)
})

test('an id is remembered with what it has led to, or not at all', async () => {
  const send = async (total: number, id: string) => {
    const body = JSON.stringify({ data: { total } })
    const time = Math.floor(Date.now() / 1000)
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    const signature = createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(time),
      'webhook-signature': `v1,${signature}`,
    }
    return (await call(port, 'POST /arrivals', { body, headers })).status
  }
  const before = (await arrivals()).length
  expect(await send(13, 'msg_a')).toBe(500)
  expect(await arrivals()).toHaveLength(before)
  expect(await send(14, 'msg_a')).toBe(204)
  expect(await Promise.all(Array.from({ length: 5 }, () => send(14, 'msg_a')))).toEqual([204, 204, 204, 204, 204])
  const together = await Promise.all(Array.from({ length: 10 }, () => send(15, 'msg_b')))
  expect(new Set(together)).toEqual(new Set([204]))
  expect((await arrivals()).slice(before).map(({ total }) => total)).toEqual([14, 15])
})

test('a message that nobody signed is refused and says which code', async () => {
  const body = { data: { total: 1 } }
  expect((await call(port, 'POST /arrivals', { body })).json).toMatchObject({ status: 400, code: 'webhook_unsigned' })
  const headers = {
    'webhook-id': 'x',
    'webhook-timestamp': '1',
    'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}`,
  }
  const wrong = await call(port, 'POST /arrivals', { body, headers })
  expect(wrong.json).toMatchObject({ status: 401, code: 'webhook_signature_wrong' })
})

test('a raw body is its bytes, up to the limit and in its types', async () => {
  const text = '{ "a": 1,\n"a": 2 } '
  const json = { 'content-type': 'application/json; charset=utf-8' }
  expect((await call(port, 'POST /bytes', { body: text, headers: json })).json.hex).toBe(
    Buffer.from(text).toString('hex'),
  )
  const binary = { 'content-type': 'application/octet-stream' }
  expect((await call(port, 'POST /bytes', { body: Buffer.from([0, 255, 10]), headers: binary })).json.hex).toBe(
    '00ff0a',
  )
  expect((await call(port, 'POST /bytes')).json.hex).toBe('')
  expect((await call(port, 'POST /bytes', { body: 'x', headers: { 'content-type': 'text/plain' } })).status).toBe(415)
  const limited = (size: number) => call(port, 'POST /arrivals', { body: 'x'.repeat(size), headers: json })
  expect((await limited(1000)).json.code).toBe('webhook_unsigned')
  expect((await limited(1001)).status).toBe(413)
})

test('a raw body is its bytes behind middleware that has read it', async () => {
  const behind = backend({ serve: [bytes] }).use(express.json())
  const { port } = await behind.start({
    folder,
    environment: { NODE_ENV: 'test', PORT: '0', MONOBLOC_DATA: folder },
    logTo: quiet,
  })
  const text = '{ "a":  1 }'
  const headers = { 'content-type': 'application/json' }
  const hex = Buffer.from(text).toString('hex')
  expect((await call(port, 'POST /bytes', { body: text, headers })).json.hex).toBe(hex)
  await behind.stop()
})

test('OpenAPI says what a raw body takes', async () => {
  const { json } = await call(port, 'GET /openapi.json')
  expect(json.paths['/arrivals'].post.requestBody).toMatchObject({
    description: 'At most 1000 bytes.',
    content: { 'application/json': { schema: { description: 'Taken as it comes, byte by byte.' } } },
  })
  expect(Object.keys(json.paths['/bytes'].post.requestBody.content)).toEqual([
    'application/octet-stream',
    'application/json',
  ])
})
