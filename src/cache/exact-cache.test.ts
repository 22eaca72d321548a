import { beforeEach, expect, test } from 'vitest'
import { model, Schema, t } from '../schema/index.ts'
import type { ChangeListener, LogEntry, LoggedChange } from '../storage/index.ts'
import { ExactCache } from './exact-cache.ts'

const Note = model('note', { id: t.serial(), title: t.text() })

let watches: number
let looksOfRound: number
let listener: ChangeListener
let isAwake: boolean
let cache: ExactCache

beforeEach(() => {
  watches = 0
  looksOfRound = 0
  isAwake = true
  cache = open()
})

function open(isUsed = false): ExactCache {
  const storage = {
    watchChanges(given: ChangeListener) {
      watches++
      listener = given
      return {
        get isAwake() {
          return isAwake
        },
        catchUp(arriving?: boolean) {
          if (arriving) looksOfRound++
          return undefined
        },
        close() {},
      }
    },
  }
  return new ExactCache({ storage, schema: new Schema([Note]), capacity: 100_000, now: () => 0, isUsed })
}

function change(id: number): LoggedChange {
  const row = { id, title: 'new' }
  const entry: LogEntry = {
    sequence: id,
    table: 'note',
    operation: 'update',
    key: { id },
    row,
    previous: { title: 'old' },
    omitted: [],
  }
  return { table: 'note', entry }
}

/** Makes something of the note 1, while changes are heard of. */
function make(changes: (LoggedChange[] | 'all')[] = []): boolean {
  const mark = cache.mark
  const recording = cache.begin()
  recording.pending++
  recording.note({ kind: 'row', model: Note, key: 1, query: {}, shown: '{}' })
  for (const heard of changes) listener.changed(heard)
  return cache.keep('key', 'value', 10, recording, mark) !== undefined
}

test('asks the database nothing while nothing is kept', () => {
  expect([cache.mark, watches]).toEqual([0, 0])
  cache.begin()
  expect(watches).toBe(1)
})

test('where functions are kept, hears of changes before a unit of work begins', () => {
  isAwake = false
  expect([open(true).mark, watches]).toEqual([0, 1])
  // It may be in another part of the round than that in which requests arrive, which must look for themselves.
  expect(looksOfRound).toBe(0)
})

test('wants changes while something is kept or being made', () => {
  make()
  expect(listener.wants()).toBe(true)
  listener.changed([change(1)])
  expect([listener.wants(), cache.get('key'), cache.counters.invalidations]).toEqual([false, undefined, 1])
  cache.begin()
  expect(listener.wants()).toBe(true)
  cache.abandon()
  expect(listener.wants()).toBe(false)
})

test('keeps what was made of rows that did not change meanwhile, and nothing else', () => {
  expect(make([[change(2)]])).toBe(true)
  expect(make([[change(2), change(1)]])).toBe(false)
  expect(make(['all'])).toBe(false)
  expect(cache.counters.refused).toBe(2)
})

test('remembers 256 changes for what is being made, and keeps nothing that took longer', () => {
  const others = (count: number) => Array.from({ length: count }, () => [change(2)])
  expect(make(others(256))).toBe(true)
  expect(make(others(257))).toBe(false)
})

test('keeps nothing that was made while changes were not heard of', () => {
  isAwake = false
  expect(make()).toBe(false)
})

test('keeps nothing of a read that failed', () => {
  const recording = cache.begin()
  recording.pending++
  expect(cache.keep('key', 'value', 10, recording, cache.mark)).toBeUndefined()
})

test('takes 2,000 dependencies of one answer, and not one more', () => {
  for (const [count, isKept] of [
    [2_000, true],
    [2_001, false],
  ] as const) {
    const recording = cache.begin()
    for (let id = 1; id <= count; id++) {
      recording.pending++
      recording.note({ kind: 'row', model: Note, key: id, query: {}, shown: '{}' })
    }
    expect(recording.isWhole).toBe(isKept)
    cache.abandon()
  }
})
