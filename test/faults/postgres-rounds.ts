// Several nodes serve one PostgreSQL database, clients write and read through all of them, and faults strike one after the
// other. After a few of them the clients pause, and what is in the database is held to what they know.
import { setTimeout as wait } from 'node:timers/promises'
import { Acknowledged, type Sent } from './acknowledged.ts'
import { checkContents } from './check.ts'
import { checkAnswers } from './check-answers.ts'
import type { Contents } from './contents.ts'
import type { Fleet } from './fleet.ts'
import { Random } from './random.ts'
import { retryKeys } from './retry.ts'
import { Workload } from './workload.ts'

/** Faults from one look at the database to the next. */
const faultsPerLook = 4

/**
 * A request is answered within this time, whatever happens. A write has ten seconds; what became of it is then looked up
 * for some more, and a busy machine adds to both.
 */
const longestAnswer = 30_000

export interface Rounds {
  seed: number
  faults: number
  fleet: Fleet
  /** One fault, from its beginning until what it broke has been put right. */
  strike(random: Random, round: Round): Promise<Fault>
  /** Reads the database when all is quiet. */
  read(): Promise<Contents>
  /** Default 8. */
  clients?: number
  /** Which other answers are right at any time. Default: 503 in an outage. */
  isRight?(sent: Sent): boolean
}

export interface Fault {
  name: string
  /** Resolves when nobody has to suffer from it any more, if that may be after every node has come back. */
  over?: Promise<void>
}

export interface Round {
  workload: Workload
  /** Resolves after so many answers, or when it has taken too long to wait for them. */
  answers(count: number): Promise<void>
}

export interface RoundsResult {
  count: number
  violations: string[]
  faults: Record<string, number>
  requests: number
  acknowledged: number
  refused: number
  /** Answered 503 in an outage. */
  shed: number
  kept: number
  gone: number
  retried: number
  /** Milliseconds of the longest answer. */
  longest: number
  /** Milliseconds from the end of each fault until every node had acknowledged a write again. */
  recovery: number[]
  [detail: string]: unknown
}

export async function runRounds({
  seed,
  faults,
  fleet,
  strike,
  read,
  clients = 8,
  isRight,
}: Rounds): Promise<RoundsResult> {
  const random = new Random(seed)
  const ledger = new Acknowledged()
  const workload = new Workload(seed, clients, ledger)
  const violations: string[] = []
  const outages: Outage[] = []
  const struck: Record<string, number> = {}
  const recovery: number[] = []
  let count = 0
  let retried = 0
  while (count < faults && violations.length === 0) {
    const running = workload.run(fleet)
    const round = { workload, answers: (more: number) => answersOf(workload, more) }
    for (let at = 0; at < faultsPerLook && count < faults && fleet.violations.length === 0; at++) {
      await round.answers(5 + random.below(60))
      const from = performance.now()
      const { name, over } = await strike(random, round)
      const ended = performance.now()
      await fleet.recovered(seed, ledger)
      recovery.push(Math.round(performance.now() - ended))
      const outage = { from, to: over ? Number.POSITIVE_INFINITY : performance.now() }
      outages.push(outage)
      void over?.then(() => {
        outage.to = performance.now()
      })
      struck[name] = (struck[name] ?? 0) + 1
      count++
    }
    workload.stop()
    await running
    fleet.checkUp()
    violations.push(...fleet.violations, ...workload.violations.splice(0))
    violations.push(...checkContents(await read(), ledger).map((text) => `after fault ${count}: ${text}`))
    const retry = await retryKeys(random.pick(fleet.ports()), ledger, random)
    retried += retry.count
    violations.push(...retry.violations)
  }
  await fleet.stop()
  violations.push(...fleet.violations, ...checkAnswers(ledger, isRight ?? ((sent) => isShed(sent, outages))))
  violations.push(...checkContents(await read(), ledger).map((text) => `at the end: ${text}`))
  const all = ledger.all()
  const longest = Math.round(workload.longest)
  if (longest > longestAnswer) violations.push(`a request took ${longest} ms`)
  return {
    ...{ count, violations: [...new Set(violations)], faults: struck, requests: all.length },
    ...{ acknowledged: ledger.count('acknowledged'), refused: ledger.count('refused') },
    shed: all.filter(({ refusal }) => refusal?.status === 503).length,
    ...{ kept: ledger.count('kept'), gone: ledger.count('gone'), retried, longest, recovery },
  }
}

interface Outage {
  from: number
  to: number
}

/** While something is broken a node may send clients away, if it says when to come again. */
function isShed({ refusal, sentAt = 0, answeredAt = 0 }: Sent, outages: readonly Outage[]): boolean {
  if (refusal?.status !== 503 || !/^\d+$/.test(refusal.retryAfter ?? '')) return false
  return outages.some(({ from, to }) => sentAt <= to && answeredAt >= from)
}

const longestLoad = 20_000

async function answersOf(workload: Workload, more: number): Promise<void> {
  await Promise.race([workload.answered(workload.answers + more), wait(longestLoad, undefined, { ref: false })])
}
