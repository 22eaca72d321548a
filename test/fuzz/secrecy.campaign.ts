import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Actor } from '../../src/commit/index.ts'
import { MonoblocError } from '../../src/errors.ts'
import type { Campaign } from '../campaign/campaign.ts'
import type { UnitFixture } from '../conformance/unit-fixture.ts'
import { type Ask, asked } from './secrecy-cases.ts'
import { askers, openWorld } from './secrecy-world.ts'

const casesEach = 250

/**
 * Nothing that is hidden shows in any answer: two databases that differ only in rows that somebody may not see and in
 * fields that nobody may, are asked the same, and must answer the same. Reads, changes and refusals alike.
 */
export const campaign: Campaign = {
  name: 'secrecy',
  unit: 'cases',
  engines: ['sqlite'],
  seeds: 40,
  slice: [1],
  async run(seed) {
    const worlds = await openWorlds()
    const violations: string[] = []
    const answers: Record<string, number> = {}
    for (const [who, actor] of Object.entries(askers)) {
      const property = fc.asyncProperty(asked, async ({ ask }) => {
        const [one, two] = await bothAnswers(worlds, actor, ask)
        answers[kindOf(one)] = (answers[kindOf(one)] ?? 0) + 1
        return isDeepStrictEqual(one, two)
      })
      const details = await fc.check(property, { seed, numRuns: casesEach })
      if (details.failed) violations.push(`${who} can tell the databases apart: ${details.counterexample![0].text}`)
    }
    // Refusals alone would agree, too.
    if ((answers.answered ?? 0) < casesEach / 2) violations.push(`only ${answers.answered} cases were answered`)
    await Promise.all(worlds.map((world) => world.close()))
    return { count: casesEach * Object.keys(askers).length, violations, answers }
  },
}

export type Worlds = readonly [UnitFixture<any>, UnitFixture<any>]

export async function openWorlds(): Promise<Worlds> {
  return [await openWorld(false), await openWorld(true)]
}

export async function bothAnswers(worlds: Worlds, actor: Actor, ask: Ask): Promise<[unknown, unknown]> {
  return [await answer(worlds[0], actor, ask), await answer(worlds[1], actor, ask)]
}

function kindOf(found: unknown): string {
  return typeof found === 'object' && found !== null && 'code' in found ? String(found.code) : 'answered'
}

const undone = new Error('undone')

/** The answer, or the refusal as it would be sent; what was changed is undone. */
async function answer(fixture: UnitFixture<any>, actor: Actor, ask: Ask): Promise<unknown> {
  let found: unknown
  const work = fixture.write(actor, async (db) => {
    found = await ask(db)
    throw undone
  })
  return work.catch((error: unknown) => {
    if (error === undone) return withoutClock(found)
    if (!(error instanceof MonoblocError)) throw error
    return { code: error.code, subject: error.subject, violations: error.violations }
  })
}

// What a write itself sets by the clock is no secret of anybody.
function withoutClock(found: unknown): unknown {
  return JSON.parse(JSON.stringify(found ?? null, (name, value) => (name === 'updatedAt' ? undefined : value)))
}
