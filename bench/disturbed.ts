import { once } from 'node:events'
import { Agent, get } from 'node:http'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { median, rounded } from './measurement.ts'
import { createMonoblocSeed } from './seeds.ts'
import { startServer } from './server-kind.ts'
import { pseudoRandomIds } from './workload.ts'

export interface Latencies {
  requests: number
  p50Millis: number
  p99Millis: number
  mostMillis: number
}

/** Light load on Monobloc, alone and while one client runs queries that take seconds. */
export interface Disturbed {
  workload: 'disturbed'
  server: 'monobloc'
  requestsPerSecond: number
  calm: Latencies
  beside: Latencies
  /** The median beside the queries over the calm one. */
  ratio: number
  /** Queries that ended, and the one that took longest. */
  queries: number
  longestQueryMillis: number
  health: { asked: number; ok: number; mostMillis: number }
}

const requestsPerSecond = 50
const connections = 4
const seconds = 15
const healthPerSecond = 2

interface Answer {
  status: number
  millis: number
}

export async function measureDisturbed(folder: string, say: (line: string) => void): Promise<Disturbed> {
  say('Filling the table for the scenario of slow queries.')
  const seed = path.join(folder, 'seed')
  await createMonoblocSeed(seed)
  const server = await startServer('monobloc', path.join(seed, 'app.db'), path.join(folder, 'disturbed'))
  try {
    const ask = asker(server.port)
    await readAtPace(ask, 3)
    const calm = await readAtPace(ask, seconds)
    say(`calm: median ${calm.p50Millis} ms`)
    const ending = new AbortController()
    const queries = runQueries(server.port, ending.signal)
    // So that the first query is under way before the first read.
    await delay(500)
    const health = askHealth(server.port, ending.signal)
    const beside = await readAtPace(ask, seconds)
    ending.abort()
    const [ended, probes] = await Promise.all([queries, health])
    say(`beside queries of seconds: median ${beside.p50Millis} ms`)
    return {
      workload: 'disturbed',
      server: 'monobloc',
      requestsPerSecond,
      calm,
      beside,
      ratio: rounded(beside.p50Millis / calm.p50Millis, 2),
      queries: ended.length,
      longestQueryMillis: Math.round(Math.max(...ended)),
      health: {
        asked: probes.length,
        ok: probes.filter(({ status }) => status === 200).length,
        mostMillis: rounded(Math.max(...probes.map(({ millis }) => millis)), 1),
      },
    }
  } finally {
    await server.stop()
  }
}

/** Rows by key at an even pace, each sent at its time whether or not those before it were answered. */
async function readAtPace(ask: (path: string) => Promise<Answer>, forSeconds: number): Promise<Latencies> {
  const started = performance.now()
  const ids = pseudoRandomIds(forSeconds * requestsPerSecond)
  const answers: Promise<Answer>[] = []
  for (const [at, id] of ids.entries()) {
    await delay(Math.max(0, started + (at * 1000) / requestsPerSecond - performance.now()))
    answers.push(ask(`/items/${id}`))
  }
  const all = await Promise.all(answers)
  const wrong = all.find(({ status }) => status !== 200)
  if (wrong) throw new Error(`a read was answered ${wrong.status}`)
  const millis = all.map((answer) => answer.millis).toSorted((one, other) => one - other)
  return {
    requests: millis.length,
    p50Millis: rounded(median(millis), 3),
    p99Millis: rounded(millis[Math.floor(millis.length * 0.99)]!, 3),
    mostMillis: rounded(millis.at(-1)!, 1),
  }
}

/** One client: a scan over the whole table and a query that counts for seconds, one after the other, without a pause. */
async function runQueries(port: number, signal: AbortSignal): Promise<number[]> {
  const ask = asker(port)
  const millis: number[] = []
  while (!signal.aborted) {
    for (const path of ['/slow', '/items?body[contains]=nowhere']) {
      const answer = await ask(path)
      if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}`)
      millis.push(answer.millis)
      if (signal.aborted) break
    }
  }
  return millis
}

async function askHealth(port: number, signal: AbortSignal): Promise<Answer[]> {
  const ask = asker(port)
  const answers: Answer[] = []
  while (!signal.aborted) {
    answers.push(await ask('/livez'), await ask('/readyz'))
    await Promise.race([delay(1000 / healthPerSecond), once(signal, 'abort')])
  }
  return answers
}

/** A client with keep-alive connections of its own. */
function asker(port: number): (path: string) => Promise<Answer> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return (path) =>
    new Promise((resolve, reject) => {
      const sent = performance.now()
      get({ port, host: '127.0.0.1', path, agent }, (response) => {
        response.resume()
        response.once('end', () => resolve({ status: response.statusCode!, millis: performance.now() - sent }))
      }).once('error', reject)
    })
}
