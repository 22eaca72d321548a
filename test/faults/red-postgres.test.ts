// The campaigns on PostgreSQL find what they look for: a server, or an app, that breaks a promise is seen to break it.
import { describe, expect, test } from 'vitest'
import { runFailovers } from './failover.campaign.ts'
import { runOutcomes } from './outcome.campaign.ts'
import { whyNoPostgres } from './postgres-programs.ts'

const missing = whyNoPostgres()

describe.skipIf(missing)(`on PostgreSQL${missing ? ` (${missing})` : ''}`, () => {
  test('an app that answers before COMMIT is found by cutting its connections', { timeout: 180_000 }, async () => {
    const { violations } = await runOutcomes(1, 15, { testing: { acknowledgeEarly: true } })
    expect(violations.join('\n')).toMatch(/was acknowledged, and is there 0 times/)
  })

  test('a standby that is not waited for is found by failing over to it', { timeout: 180_000 }, async () => {
    const { violations } = await runFailovers(1, 1, { synchronous: false })
    // What was lost shows in one form or another: in the rows, in the log, in counters, or to who asks again.
    expect(violations.join('\n')).toMatch(
      /\((acknowledged|kept)\) (is|left)|was written|where its entries|^(log|counter|retry of|read of)/m,
    )
  })
})
