import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bothAnswers, openWorlds } from './secrecy.campaign.ts'
import { asked } from './secrecy-cases.ts'

// The campaign is worth nothing where the two databases are alike to everyone.
test('whoever may see all is answered differently by the two databases', async () => {
  const worlds = await openWorlds()
  let different = 0
  await fc.assert(
    fc.asyncProperty(asked, async ({ ask }) => {
      const [one, two] = await bothAnswers(worlds, 'system', ask)
      if (JSON.stringify(one) !== JSON.stringify(two)) different++
    }),
    { numRuns: 200, seed: 20261122 },
  )
  expect(different).toBeGreaterThan(30)
  await Promise.all(worlds.map((world) => world.close()))
})
