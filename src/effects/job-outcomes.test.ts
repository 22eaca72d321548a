import { expect, test } from 'vitest'
import { JobOutcomes, type OutcomesOptions } from './job-outcomes.ts'

test('what a write did not take under a lease that was lost meanwhile is not written under the next one', async () => {
  let worker = 'first'
  let lost = 0
  const written: string[] = []
  const outcomes = new JobOutcomes({
    storage: {
      async write(_: unknown, work: (session: unknown) => unknown) {
        if (worker === 'second') return work({})
        worker = 'second'
        throw new Error('away')
      },
    } as never,
    store: {
      complete(_: unknown, by: string, _now: number, ids: string[]) {
        written.push(...ids.map((id) => `${id} by ${by}`))
        return ids.length
      },
    } as never,
    now: () => 1_000,
    worker: () => worker,
    noted: (_count, some) => void (lost += some),
    failed() {},
  } as Partial<OutcomesOptions> as OutcomesOptions)
  outcomes.done('1', null)
  const flushed = outcomes.flush()
  outcomes.done('2', null)
  await flushed
  expect(written).toEqual(['2 by second'])
  expect(lost).toBe(1)
})
