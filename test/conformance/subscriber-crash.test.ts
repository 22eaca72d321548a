import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { emitEvent } from '../../src/effects/event-emit.ts'
import { openConsumers } from './consumer-fixture.ts'
import { Made } from './subscriber-crash.ts'

const script = path.join(import.meta.dirname, 'subscriber-child.ts')
const people = ['ann', 'bob', 'cy']
const kills = 4

test('processes that are killed leave each event handled once, in order', async () => {
  const fixture = await openConsumers()
  const children: ChildProcess[] = []
  const start = async () => {
    const child = fork(script, [JSON.stringify(fixture.address)], {
      execArgv: ['--conditions=source'],
      stdio: 'ignore',
    })
    children.push(child)
    await once(child, 'message')
    return child
  }
  let emitted = 0
  const emitMore = async (count: number) => {
    for (let one = 0; one < count; one++) {
      const number = ++emitted
      const data = { number, of: people[number % people.length]! }
      await fixture.units.write({ deadline: 20_000 }, 'system', (db) => emitEvent(db, Made, data))
    }
  }
  try {
    let running = await start()
    for (let kill = 0; kill < kills; kill++) {
      // The next one waits for the lease while this one works, and is killed in its turn.
      const [next] = await Promise.all([start(), emitMore(40)])
      running.kill('SIGKILL')
      running = next
    }
    await emitMore(20)
    const all = Array.from({ length: emitted }, (_, at) => at + 1)
    await vi.waitFor(async () => expect(await fixture.effects()).toHaveLength(2 * emitted), {
      timeout: 45_000,
      interval: 50,
    })
    expect(await fixture.effects('ordered')).toEqual(all)
    for (const [at, who] of people.entries())
      expect(await fixture.effects(`keyed ${who}`)).toEqual(all.filter((number) => number % people.length === at))
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await fixture.close()
  }
})
