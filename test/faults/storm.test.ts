import { expect, test } from 'vitest'
import { withFolder } from '../campaign/campaign-files.ts'
import { campaign } from './storm-campaign.ts'

// Not among the campaigns yet, whose page has the results of a whole run of each.
test('processes that share a file are killed, and nothing acknowledged is lost', async () => {
  const { violations } = await withFolder((folder) => campaign.run(1, { engine: 'sqlite', folder, lean: true }))
  expect(violations).toEqual([])
}, 300_000)
