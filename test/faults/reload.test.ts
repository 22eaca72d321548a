import { expect, test } from 'vitest'
import { withFolder } from '../campaign/campaign-files.ts'
import { campaign } from './reload-campaign.ts'

// Not among the campaigns yet, whose page has the results of a whole run of each.
test.each(campaign.engines)(
  'a reload under load fails no request and doubles none, on %s',
  async (engine) => {
    const { violations } = await withFolder((folder) => campaign.run(1, { engine, folder, lean: true }))
    expect(violations).toEqual([])
  },
  300_000,
)
