import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { leanSize, runCache } from './cache.campaign.ts'
import type { plants } from './cache-planted.ts'

test.for<keyof typeof plants>(['deaf', 'forgetful', 'closed'])('a cache that is %s is found out', async (planted) => {
  for (let seed = 1; seed <= 3; seed++) {
    const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-cache-planted-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const { violations } = await runCache(seed, { folder, planted }, leanSize)
    if (violations.length > 0) return
  }
  expect.unreachable('nothing was found in three seeds')
})
