// The campaign of effects finds what it looks for: processes that break a promise are seen to break it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runOn } from './effects-engines.ts'
import type { EffectsRun } from './effects-run.ts'
import { whyNoPostgres } from './postgres-programs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'red-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

const mostSeeds = 6
const limit = { timeout: 300_000 }
const missing = whyNoPostgres()

/** What is found with the first seed that finds it: where a kill comes is up to the machine, too. */
async function violationsOf(engine: string, wanted: RegExp, given: Partial<EffectsRun>): Promise<string> {
  let found = ''
  for (let seed = 1; seed <= mostSeeds && !wanted.test(found); seed++) {
    const own = path.join(folder, String(seed))
    mkdirSync(own)
    const { violations } = await runOn(engine, { seed, folder: own, faults: 6, ...given })
    found = violations.join('\n')
  }
  return found
}

describe.each(['sqlite', 'postgres'])('on %s', (engine) => {
  describe.skipIf(engine === 'postgres' && missing)(`(${missing ?? 'there'})`, () => {
    test('what a refused unit of work wrote and nobody undid is found: atomic', limit, async () => {
      const wanted = /^atomic: (?:\w+ \S+ was refused and is there|all accounts hold)/m
      const given = { faults: 0, calm: 1_000, planted: { name: 'refused stays' } as const }
      expect(await violationsOf(engine, wanted, given)).toMatch(wanted)
    })
  })
})

// On PostgreSQL `outcome` is shown the same (red-postgres.test.ts).
test('an answer before its COMMIT is found by a kill in between: durable', limit, async () => {
  const wanted = /^durable: /m
  const given = { storage: { acknowledgeEarly: true }, points: ['commit:before'], faults: 9 }
  expect(await violationsOf('sqlite', wanted, given)).toMatch(wanted)
})

test(
  'a job that is done only after its effects were committed is found by a kill in between: once',
  limit,
  async () => {
    const planted = { name: 'late', pattern: "update monobloc_job set state = 'done'" } as const
    const wanted = /^once: \S+ \S+ was \d+ times in work/m
    const given = { planted, points: ['commit:after', 'reply:after'] }
    expect(await violationsOf('sqlite', wanted, given)).toMatch(wanted)
  },
)

test('a cursor that moves after its effects were committed is found by a kill in between: once', limit, async () => {
  const planted = { name: 'late', pattern: 'update monobloc_consumer set position' } as const
  const wanted = /^once: \S+ \S+ was \d+ times in seen/m
  expect(await violationsOf('sqlite', wanted, { planted, points: ['commit:after', 'reply:after'] })).toMatch(wanted)
})

test('a log that is told in another order is found: ordered', limit, async () => {
  const wanted = /^ordered: \w.* heard of \S+ \(\d+\) after \d+/m
  const given = { faults: 0, calm: 1_500, planted: { name: 'swapped' } as const }
  expect(await violationsOf('sqlite', wanted, given)).toMatch(wanted)
})

test('webhooks that nobody took in and that are noted as delivered are found: once', limit, async () => {
  const wanted = /^once: \S+ \w+ never came/m
  const given = { faults: 0, calm: 700, planted: { name: 'deaf' } as const }
  expect(await violationsOf('sqlite', wanted, given)).toMatch(wanted)
})

test('a process that keeps what others have changed is found: fresh', limit, async () => {
  const wanted = /^fresh: register \S+ was read from \/(kept|cached) as \d+ when \d+ was known/m
  const given = { faults: 0, calm: 2_000, planted: { name: 'blind' } as const }
  expect(await violationsOf('sqlite', wanted, given)).toMatch(wanted)
})
