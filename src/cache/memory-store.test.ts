import { expect, test } from 'vitest'
import { exerciseCacheStore } from '../../test/conformance/exercise-cache-store.ts'
import { Random } from '../../test/faults/random.ts'
import { MemoryStore } from './memory-store.ts'

exerciseCacheStore('the memory', (options) => new MemoryStore(options))

test('takes one of a sixteenth of the room, and none that is a byte larger', () => {
  const store = new MemoryStore({ capacity: 1_600, onEvicted() {} })
  expect(store.set({ key: 'a', bytes: 100, uses: 0 })).toBe(true)
  expect(store.set({ key: 'b', bytes: 101, uses: 0 })).toBe(false)
  expect(store.get('b')).toBeUndefined()
})

/** Few keys are asked for often and many seldom (Zipf), and from time to time all keys once. */
function asked(random: Random, count: number): string[] {
  const keys = 5_000
  const found: string[] = []
  while (found.length < count) {
    if (random.chance(0.000_2)) for (let at = 0; at < keys; at++) found.push(`scan ${at}`)
    else found.push(String(Math.floor(keys ** random.next())))
  }
  return found
}

test('hits more often than the least recently used does', () => {
  const requests = asked(new Random(1), 100_000)
  const room = 400
  const store = new MemoryStore({ capacity: room * 100, onEvicted() {} })
  const recent = new Map<string, true>()
  let hits = 0
  let recentHits = 0
  for (const key of requests) {
    if (store.get(key)) hits++
    else store.set({ key, bytes: 100, uses: 0 })
    if (recent.delete(key)) recentHits++
    else if (recent.size === room) recent.delete(recent.keys().next().value!)
    recent.set(key, true)
  }
  expect(hits / requests.length).toBeGreaterThan(1.02 * (recentHits / requests.length))
})
