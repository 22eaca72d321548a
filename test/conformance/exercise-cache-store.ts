import { describe, expect, test } from 'vitest'
import type { CacheStore, CacheStoreOptions, Stored } from '../../src/cache/index.ts'

export interface ExercisedItem extends Stored {
  value: string
}

/** What every store of kept things must do. */
export function exerciseCacheStore(
  name: string,
  make: (options: CacheStoreOptions<ExercisedItem>) => CacheStore<ExercisedItem>,
): void {
  const item = (key: string, bytes = 100, value = key): ExercisedItem => ({ key, bytes, value, uses: 0 })
  const open = (capacity: number) => {
    const evicted: string[] = []
    const store = make({ capacity, onEvicted: ({ key }) => evicted.push(key) })
    return { store, evicted }
  }

  describe(`${name} as a store`, () => {
    test('gives what was set, and nothing else', () => {
      const { store } = open(10_000)
      expect(store.get('a')).toBeUndefined()
      expect(store.set(item('a'))).toBe(true)
      expect(store.get('a')?.value).toBe('a')
      store.delete('a')
      store.delete('a')
      expect(store.get('a')).toBeUndefined()
      expect([store.size, store.bytes]).toEqual([0, 0])
    })

    test('keeps one of a key, and counts its bytes', () => {
      const { store, evicted } = open(10_000)
      store.set(item('a', 100))
      store.set(item('a', 300, 'again'))
      expect(store.get('a')?.value).toBe('again')
      expect([store.size, store.bytes]).toEqual([1, 300])
      store.clear()
      expect([store.size, store.bytes, evicted]).toEqual([0, 0, []])
    })

    test('never has more bytes than it may, and says who went', () => {
      const { store, evicted } = open(10_000)
      const there = new Set<string>()
      for (let at = 0; at < 2_000; at++) {
        const key = String((at * 7919) % 307)
        if (at % 3 === 0) store.get(key)
        if (store.set(item(key, 50 + (at % 200)))) there.add(key)
        for (const gone of evicted.splice(0)) if (gone !== key || !store.get(key)) there.delete(gone)
        expect(store.bytes).toBeLessThanOrEqual(10_000)
      }
      expect(store.size).toBe(there.size)
      for (const key of there) expect(store.get(key)?.key).toBe(key)
    })

    test('takes as much as fits, and one byte more makes room', () => {
      const { store, evicted } = open(1_600)
      for (let at = 0; at < 16; at++) expect(store.set(item(String(at), 100))).toBe(true)
      expect([store.size, store.bytes, evicted]).toEqual([16, 1_600, []])
      store.set(item('more', 1))
      expect(evicted.length).toBe(1)
    })

    test('keeps what is asked for when many are asked for once', () => {
      const { store } = open(10_000)
      const asked = Array.from({ length: 40 }, (_, at) => `asked ${at}`)
      for (let times = 0; times < 3; times++) for (const key of asked) if (!store.get(key)) store.set(item(key))
      for (let at = 0; at < 1_000; at++) store.set(item(`once ${at}`))
      const left = asked.filter((key) => store.get(key)).length
      expect(left).toBeGreaterThan(30)
    })
  })
}
