import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Diagnostics } from './diagnostics.ts'
import { type LoopBlocked, LoopMonitor, loopBlocked } from './loop-monitor.ts'

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

const monitors: LoopMonitor[] = []
afterEach(() => {
  for (const monitor of monitors.splice(0)) monitor.stop()
})

function started() {
  const diagnostics = new Diagnostics()
  const reports: LoopBlocked[] = []
  diagnostics.subscribe((kind, event) => kind === loopBlocked && reports.push(event))
  // Far above what a busy machine causes by itself, so that only the block of the test is reported.
  const monitor = new LoopMonitor(diagnostics, { thresholdMs: 400 })
  monitor.start()
  monitors.push(monitor)
  return { monitor, reports, reported: () => vi.waitFor(() => expect(reports).toHaveLength(1), 45_000) }
}

describe('a block of the event loop', () => {
  test('before the first await is told of the work that began', async () => {
    const { monitor, reports, reported } = started()
    const other = monitor.begin('GET /other')
    const work = monitor.begin('GET /report', 'r1')
    block(450)
    monitor.end(work)
    monitor.end(other)
    await reported()
    expect(reports[0]).toMatchObject({ work: 'GET /report', requestId: 'r1', inFlight: undefined })
    expect(reports[0]!.blockedMs).toBeGreaterThanOrEqual(450)
  })
  test('after an await is told of the work that ended with it', async () => {
    const { monitor, reports, reported } = started()
    const other = monitor.begin('GET /other')
    const work = monitor.begin('GET /report', 'r1')
    await nextTurn()
    monitor.end(monitor.begin('GET /short'))
    block(500)
    monitor.end(work)
    monitor.end(other)
    await reported()
    expect(reports[0]).toMatchObject({ work: 'GET /report', requestId: 'r1' })
    expect(reports[0]!.blockedMs).toBeGreaterThanOrEqual(450)
  })
  test('names every suspect when the marks do not tell', async () => {
    const { monitor, reports, reported } = started()
    monitor.waits(monitor.begin('GET /a'))
    monitor.waits(monitor.begin('GET /b'))
    monitor.end(monitor.begin('GET /short'))
    block(500)
    await reported()
    expect(reports[0]).toMatchObject({ work: undefined, inFlight: ['GET /a', 'GET /b'] })
  })
  test('outside any work is reported too', async () => {
    const { reports, reported } = started()
    block(500)
    await reported()
    expect(reports[0]).toMatchObject({ work: undefined, inFlight: [] })
  })
  test('tells waiting from computing', async () => {
    const { monitor, reports, reported } = started()
    const work = monitor.begin('GET /sync-io')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
    monitor.end(work)
    await reported()
    expect(reports[0]!.cpuMs).toBeLessThan(reports[0]!.blockedMs / 2)
  })
  test("is the work's fault only where the process computed", () => {
    const told = (cpuMs: number, work?: string) => {
      const event = { blockedMs: 400, cpuMs, work, requestId: undefined, inFlight: [] }
      const level = loopBlocked.level as (of: LoopBlocked) => string
      const message = loopBlocked.message as (of: LoopBlocked) => string
      return [level(event), message(event)]
    }
    expect(told(100, 'GET /a')).toEqual(['warn', expect.stringMatching(/^GET \/a blocked the event loop for 400 ms/)])
    expect(told(99, 'GET /a')).toEqual([
      'info',
      expect.stringMatching(
        /^The event loop stood still for 400 ms during GET \/a, and the process computed for 99 of them/,
      ),
    ])
    expect(told(0)[1]).toContain('for 400 ms, and')
  })
})

describe('the monitor', () => {
  test('measures how late the loop ran, and starts anew each time it is asked', async () => {
    const { monitor } = started()
    await vi.waitFor(
      () => {
        block(100)
        expect(monitor.delay().max).toBeGreaterThan(60)
      },
      { timeout: 45_000 },
    )
    expect(monitor.delay().max).toBe(0)
  })
  test('keeps nothing while off, and may be started and stopped twice', () => {
    const { monitor, reports } = started()
    monitor.start()
    monitor.stop()
    monitor.stop()
    const work = monitor.begin('GET /')
    block(450)
    monitor.end(work)
    expect(reports).toEqual([])
    expect(monitor.delay()).toEqual({ mean: 0, p50: 0, p99: 0, max: 0 })
  })
})
