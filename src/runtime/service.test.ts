import { once } from 'node:events'
import net from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { exerciseService } from '../../test/conformance/exercise-service.ts'
import { service, services } from './service.ts'

/** A listener on a port, with real waiting in both directions. */
function listener(name: string, events: string[] = []) {
  let server: net.Server | undefined
  return service({
    name,
    async start() {
      if (server) throw new Error('started twice')
      server = net.createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      await nextTurn()
      await nextTurn()
      events.push(`${name} up`)
    },
    async stop() {
      if (!server) throw new Error('stopped twice')
      const closed = once(server, 'close')
      server.close()
      await closed
      server = undefined
      events.push(`${name} down`)
    },
  })
}

describe('a service', () => {
  test('keeps the contract', async () => {
    const events: string[] = []
    await exerciseService({ service: listener('a', events), isRunning: () => events.at(-1) === 'a up' })
  })
  test('that does not start says why, is stopped, and may be started again', async () => {
    let broken = true
    const stops: number[] = []
    const one = service({
      name: 'one',
      async start() {
        if (broken) throw new Error('no disk')
      },
      stop: () => stops.push(1),
    })
    await expect(one.start()).rejects.toThrow('no disk')
    await one.stop()
    expect(stops).toEqual([])
    broken = false
    await one.start()
    await one.stop()
    expect(stops).toEqual([1])
  })
  test('that is stopped while it starts hears of it', async () => {
    const slow = service({
      name: 'slow',
      start: (signal) => once(signal, 'abort'),
      stop() {},
    })
    const start = slow.start()
    const failed = expect(start).rejects.toMatchObject({ code: 'shutting_down' })
    await new Promise(setImmediate)
    await slow.stop()
    await failed
  })
})

describe('services as one', () => {
  test('keep the contract', async () => {
    const events: string[] = []
    const both = services('both', [listener('a', events), listener('b', events)])
    await exerciseService({ service: both, isRunning: () => events.at(-1) === 'b up' })
  })
  test('start in order and stop in reverse', async () => {
    const events: string[] = []
    const all = services(
      'all',
      ['a', 'b', 'c'].map((name) => listener(name, events)),
    )
    await all.start()
    await all.stop()
    expect(events).toEqual(['a up', 'b up', 'c up', 'c down', 'b down', 'a down'])
  })
  test('hear of a stop while one of them starts', async () => {
    const events: string[] = []
    const slow = service({
      name: 'slow',
      start: (signal) => once(signal, 'abort'),
      stop() {},
    })
    const all = services('all', [listener('a', events), slow, listener('c', events)])
    const failed = expect(all.start()).rejects.toMatchObject({ code: 'shutting_down' })
    while (events.length === 0) await nextTurn()
    await all.stop()
    await failed
    expect(events).toEqual(['a up', 'a down'])
  })
  test('take back what had started when one does not', async () => {
    const events: string[] = []
    const broken = service({
      name: 'broken',
      start() {
        throw new Error('no port')
      },
      stop() {},
    })
    const all = services('all', [listener('a', events), broken, listener('c', events)])
    await expect(all.start()).rejects.toThrow('no port')
    expect(events).toEqual(['a up', 'a down'])
  })
  test('are all stopped when one does not stop in order, and the error is told', async () => {
    const events: string[] = []
    const stuck = service({
      name: 'stuck',
      start() {},
      stop() {
        throw new Error('lock lost')
      },
    })
    const all = services('all', [listener('a', events), stuck])
    await all.start()
    await expect(all.stop()).rejects.toThrow('lock lost')
    expect(events).toEqual(['a up', 'a down'])
  })
})
