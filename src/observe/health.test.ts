import { expect, test } from 'vitest'
import { Health } from './health.ts'

test('a process is live in every phase and ready only between start and stop', async () => {
  const health = new Health()
  expect(health.live()).toEqual({ status: 200, body: { status: 'ok' } })
  expect(await health.ready()).toEqual({ status: 503, body: { status: 'starting' } })
  health.phase = 'ready'
  expect(await health.ready()).toEqual({ status: 200, body: { status: 'ready', checks: {} } })
  health.phase = 'stopping'
  expect(await health.ready()).toEqual({ status: 503, body: { status: 'stopping' } })
  expect(health.live().status).toBe(200)
})

test('a failing or hanging check makes it unready, names the part, and keeps the reason out of the answer', async () => {
  const health = new Health()
  health.phase = 'ready'
  health.check('database', async () => {
    throw new Error('disk on fire')
  })
  health.check('queue', () => new Promise(() => {}))
  health.check('fine', () => 1)
  const reasons: string[] = []
  const report = await health.ready((name, error) => reasons.push(`${name}: ${(error as Error).message}`))
  expect(report).toEqual({
    status: 503,
    body: { status: 'failing', checks: { database: 'failing', queue: 'failing', fine: 'ok' } },
  })
  expect(reasons).toEqual(['database: disk on fire', 'queue: no answer within 800 ms'])
})
