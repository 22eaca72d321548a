import { describe, expect, test } from 'vitest'
import { runSeed } from './campaign.ts'
import { loadCampaigns, withFolder } from './campaign-files.ts'

/** Makes a test of every seed in the slices of a folder's campaigns. A test file calls it at its top level. */
export async function testSlices(folder: string): Promise<void> {
  for (const campaign of await loadCampaigns(folder)) {
    describe.each(campaign.engines)(`${campaign.name} on %s`, (engine) => {
      test.for(campaign.slice)('seed %i', { timeout: 120_000 }, async (seed, { skip }) => {
        const missing = campaign.unavailable?.(engine)
        skip(missing !== undefined, missing)
        const result = await withFolder((folder) => runSeed(campaign, seed, { engine, folder, lean: true }))
        expect(result.violations).toEqual([])
      })
    })
  }
}
