import type { Campaign, CampaignResult } from '../campaign/campaign.ts'
import { whyNoPostgres } from '../faults/postgres-programs.ts'
import { PostgresServer } from '../faults/postgres-server.ts'
import { Random } from '../faults/random.ts'
import { anyTarget, anyWho, anyWrite } from './cache-operations.ts'
import type { plants } from './cache-planted.ts'
import { type CacheWorld, openCacheWorld } from './cache-world.ts'

let databases = 0

/**
 * Nothing older than what was acknowledged is ever served. Two processes keep their answers, a third keeps none, and programs
 * write beside them. First one after another: what the two answer is what the third does, to the letter. Then all at
 * once: each row that is read is at least as new as it was acknowledged to be when it was asked for.
 */
export const campaign: Campaign = {
  name: 'cache',
  chance: 'The seed gives what is written and read; who overtakes whom is up to the machine.',
  unit: 'reads',
  engines: ['sqlite', 'postgres'],
  seeds: 20,
  slice: [1],
  unavailable: (engine) => (engine === 'postgres' ? whyNoPostgres() : undefined),
  async run(seed, { engine, folder, lean }) {
    const size = lean ? leanSize : { steps: 300, rounds: 150 }
    if (engine === 'sqlite') return runCache(seed, { folder }, size)
    const server = await PostgresServer.create()
    try {
      const database = `cache_${seed}_${databases++}`
      await server.query(`create database ${database}`)
      return await runCache(seed, { folder, url: server.url(database) }, size)
    } finally {
      await server.remove()
    }
  },
}

export const leanSize = { steps: 80, rounds: 40 }

interface Size {
  steps: number
  /** Writes of each writer at once. */
  rounds: number
}

export async function runCache(
  seed: number,
  place: { folder: string; url?: string; planted?: keyof typeof plants },
  size: Size,
): Promise<CampaignResult> {
  const world = await openCacheWorld(place)
  try {
    const random = new Random(seed)
    const ordered = await oneAfterAnother(world, random, size.steps)
    const crowded = await allAtOnce(world, random, size.rounds)
    const { hits, misses, invalidations } = await world.counters()
    const hitRate = Math.round((100 * hits) / Math.max(1, hits + misses))
    // What never hits is never stale. With a database elsewhere the two take turns more often than reads repeat.
    const idle = hitRate < 3 ? [`only ${hitRate} % of what may be kept was answered from it`] : []
    return {
      count: ordered.reads + crowded.reads,
      violations: [...ordered.violations, ...crowded.violations, ...idle],
      hits,
      misses,
      invalidations,
      hitRate,
    }
  } finally {
    await world.close()
  }
}

interface Found {
  reads: number
  violations: string[]
}

async function oneAfterAnother(world: CacheWorld, random: Random, steps: number): Promise<Found> {
  const violations: string[] = []
  let reads = 0
  for (let step = 0; step < steps && violations.length < 5; step++) {
    const written = random.chance(0.7) ? await anyWrite(world, random) : 'nothing'
    for (let times = random.below(6); times > 0; times--) {
      const target = anyTarget(random)
      const who = anyWho(random)
      const [one, other, right] = await Promise.all([0, 1, 2].map((node) => world.ask(node, 'GET', target, who)))
      reads += 2
      for (const answer of [one!, other!]) {
        const isSame = answer.status === right!.status && (answer.status >= 400 || answer.text === right!.text)
        if (!isSame || answer.link !== right!.link)
          violations.push(`${target} for ${who} after ${written}: ${answer.text} instead of ${right!.text}`)
      }
    }
  }
  return { reads, violations }
}

const rows = 6

async function allAtOnce(world: CacheWorld, random: Random, rounds: number): Promise<Found> {
  const violations: string[] = []
  const ids: number[] = []
  for (let at = 0; at < rows; at++) {
    const { text } = await world.ask(2, 'POST', '/notes', 'eve', { title: `crowd ${at}`, rank: 1000, owner: 1 })
    ids.push((JSON.parse(text) as { id: number }).id)
  }
  const acknowledged = new Map(ids.map((id) => [id, 1000]))
  let reads = 0
  let writing = rows
  const write = async (id: number, own: Random): Promise<void> => {
    for (let count = 1; count <= rounds; count++) {
      const node = own.below(3)
      const { status } = await world.ask(node, 'PATCH', `/notes/${id}`, 'eve', { rank: 1000 + count })
      if (status === 200) acknowledged.set(id, 1000 + count)
    }
    writing--
  }
  const read = async (own: Random): Promise<void> => {
    while (writing > 0 && violations.length < 5) {
      const least = new Map(acknowledged)
      const target = own.pick([
        `/notes/${own.pick(ids)}`,
        '/notes?title[startsWith]=crowd&limit=50',
        '/notes?sort=-rank&limit=4',
        '/top',
      ])
      const { text, status } = await world.ask(own.below(2), 'GET', target, 'nobody')
      if (status !== 200) continue
      reads++
      const parsed = JSON.parse(text)
      const shown: { id: number; rank: number }[] = Array.isArray(parsed) ? parsed : (parsed.top ?? [parsed])
      for (const { id, rank } of shown) {
        const known = least.get(id)
        if (known !== undefined && rank < known) violations.push(`${target} has note ${id} at ${rank} after ${known}`)
      }
    }
  }
  const stream = () => new Random(random.below(2 ** 31))
  await Promise.all([...ids.map((id) => write(id, stream())), ...Array.from({ length: 8 }, () => read(stream()))])
  return { reads, violations }
}
