// One seed of the campaign of effects: several processes on one database are killed again and again, each at a named point,
// while clients write and read; others stand still, the clock they share is moved. Then all is quiet, and everything is
// held to what the clients know.
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { effectsProgram } from './effects-bundle.ts'
import { checkFacts, dueOf, followedOf } from './effects-check.ts'
import { deliveriesOf } from './effects-check-received.ts'
import { EffectsClients } from './effects-clients.ts'
import { SharedClock } from './effects-clock.ts'
import { type Reader, readerOf } from './effects-facts.ts'
import { EffectsFleet } from './effects-fleet.ts'
import { EffectsLedger } from './effects-ledger.ts'
import type { EffectsTesting, Planted } from './effects-planted.ts'
import { latestPassage, pointsOf } from './effects-points.ts'
import { EffectsReceiver } from './effects-receiver.ts'
import { Random } from './random.ts'
import type { Testing } from './server.ts'

const processes = 3
const clients = 6

/** Milliseconds: one that is frozen for longer has lost what it had. */
const lease = 1_200

export interface EffectsRun {
  seed: number
  engine: string
  /** An empty folder. */
  folder: string
  /** A new file, or the URL of an empty database. */
  database: string
  /** Processes that are killed; as much again happens to others, at most. */
  faults: number
  /** At which processes are killed. Default: all that the engine has. */
  points?: readonly string[]
  /** Milliseconds of load after them. Default 100. */
  calm?: number
  planted?: Planted
  storage?: Testing
  /** Restarts the server of the database, in one way or another. */
  strikeServer?: (random: Random) => Promise<string>
}

export async function runEffects(run: EffectsRun) {
  const { seed, engine, database, faults } = run
  const random = new Random(seed)
  const clock = new SharedClock(path.join(run.folder, 'clock'))
  const receiver = await EffectsReceiver.open(seed)
  const testing = testingOf(run, clock, receiver)
  const ledger = new EffectsLedger()
  const program = await effectsProgram()
  const fleet = new EffectsFleet({ database, testing, program, folder: run.folder, size: processes })
  const load = new EffectsClients(seed, clients, ledger, fleet)
  const struck: Record<string, number> = {}
  const note = (name: string) => {
    struck[name] = (struck[name] ?? 0) + 1
    count++
  }
  let count = 0
  let deaths = 0
  try {
    if (run.planted || run.storage) await makeTables(run, testing)
    const running = load.run()
    const lives = Array.from({ length: processes }, (_, at) => liveAndDie(at))
    await Promise.all([...lives, strikeOthers()])
    await fleet.beginAll()
    await wait(run.calm ?? 100)
    load.stop()
    await running
    const looked = await settle(run, { ledger, fleet, load, clock, receiver, random })
    const violations = [...new Set([...fleet.violations, ...load.violations, ...looked])].slice(0, 30)
    const told = { ...toldOf(ledger), ...load.counts, deliveries: receiver.all.length }
    return { count, violations, engine, faults: struck, ...told }
  } finally {
    load.close()
    fleet.end()
    await receiver.close()
  }

  /** One process after the other, in one place. */
  async function liveAndDie(at: number): Promise<void> {
    const draws = new Random(seed, 10 + at)
    const points = run.points ?? pointsOf(engine)
    // Each place takes up the points where the seed before left them, so that all come as often.
    for (let life = seed * 11 + at * 3; deaths < faults && fleet.violations.length === 0; life++) {
      const name = points[life % points.length]!
      const point = draws.chance(0.88)
        ? { name, nth: 1 + draws.below(latestPassage(name)), act: 'kill' as const }
        : undefined
      const death = await fleet.live(at, point, draws)
      note(death === 'point' ? name : death)
      deaths++
    }
  }

  async function strikeOthers(): Promise<void> {
    const draws = new Random(seed, 20)
    while (deaths < faults && fleet.violations.length === 0) {
      await wait(60 + draws.below(350))
      // On a slow machine the clock would be moved most of the time.
      if (count - deaths > deaths) continue
      const dice = draws.next()
      if (dice < 0.45) {
        // Longer than any lease, by the clock that everyone goes by.
        const isPassed = draws.chance(0.6)
        const frozen = fleet.freeze(
          draws.below(processes),
          isPassed ? lease * 1.3 + draws.below(300) : draws.below(lease / 2),
        )
        if (isPassed) clock.step(60_000 + draws.below(60_000))
        if (await frozen) note(isPassed ? 'frozen beyond its lease' : 'frozen')
      } else if (dice < 0.8 || !run.strikeServer) {
        const isBack = draws.chance(0.2)
        clock.step(isBack ? -draws.below(5_000) : draws.below(90_000))
        note(isBack ? 'clock back' : 'clock forward')
      } else note(await run.strikeServer(draws))
    }
  }
}

/** What each process is told. */
function testingOf(
  { seed, planted, storage }: EffectsRun,
  { file }: SharedClock,
  { url }: EffectsReceiver,
): EffectsTesting {
  return { clock: file, receiver: url, planted, storage: { smallWal: seed % 2 === 0, lease, ...storage } }
}

/** What became of the requests. */
function toldOf(ledger: EffectsLedger) {
  const [acknowledged, refused, unknown] = (['acknowledged', 'refused', 'unknown'] as const).map((one) =>
    ledger.count(one),
  )
  return { requests: ledger.all().length, acknowledged, refused, unknown }
}

/** By one that keeps its promises: those that don't fall over what they have half made. */
async function makeTables({ database, folder }: EffectsRun, { clock, receiver }: EffectsTesting): Promise<void> {
  const program = await effectsProgram()
  const maker = new EffectsFleet({ database, testing: { clock, receiver }, program, folder, size: 1 })
  await maker.begin(0)
  await maker.stop()
}

interface Quiet {
  ledger: EffectsLedger
  fleet: EffectsFleet
  load: EffectsClients
  clock: SharedClock
  receiver: EffectsReceiver
  random: Random
}

/** Lets everything come to its end, stops, and looks. */
async function settle(
  { engine, database }: EffectsRun,
  { ledger, fleet, load, clock, receiver, random }: Quiet,
): Promise<string[]> {
  const read = readerOf(engine, database, receiver.all)
  const keyed = ledger.of('hit')
  const lost = keyed.filter(({ answer, outcome }) => !answer && outcome === 'unknown')
  const answered = random.some(
    keyed.filter(({ answer }) => answer !== undefined),
    4,
  )
  for (const sent of [...lost, ...answered, ...lost]) await load.retry(sent, random)
  await receiver.calm()
  const late = await untilDone(read, clock)
  await fleet.stop()
  const facts = await read(true)
  return [...late, ...checkFacts(facts, ledger)]
}

/** Seconds until everything that is due must have followed when nothing is struck any more. */
const longestDrain = 30_000

/** Waits until everything has followed. Each time that is looked, the clock goes on: leases end, and what failed is tried again. */
export async function untilDone(read: Reader, clock: SharedClock): Promise<string[]> {
  const until = performance.now() + longestDrain
  for (;;) {
    const facts = await read(false)
    const due = dueOf(facts)
    const followed = followedOf(facts)
    const hasFollowed = (['work', 'seen'] as const).every((table) => due[table].isSubsetOf(new Set(followed[table])))
    const deliveries = deliveriesOf(facts)
    const isHandedOut = due.sent.isSubsetOf(new Set(deliveries.map(({ key }) => key)))
    const isDone = hasFollowed && isHandedOut && deliveries.every(({ state }) => state === 'delivered')
    // What is wrong then shows in everything that is checked.
    if (isDone || performance.now() > until) return []
    await wait(150)
    clock.step(20_000)
  }
}
