import type { LoggedTransaction } from '../storage/index.ts'
import type { TickRow } from './schedule-store.ts'
import {
  type CommitFacts,
  type ConsumerFacts,
  type JobFactsFound,
  mostFound,
  type WaitingFacts,
  type WebhookFacts,
  type WhyStore,
} from './why-store.ts'

/** All that is known of some traces. */
export interface Gathered {
  traces: Set<string>
  commits: Map<number, CommitFacts & { transaction: LoggedTransaction | undefined }>
  jobs: Map<string, JobFactsFound>
  ticks: Map<string, TickRow>
  skipped: WaitingFacts[]
  waiting: WaitingFacts[]
  webhooks: WebhookFacts[]
  consumers: Map<string, ConsumerFacts>
  /** There is more than is looked at. */
  truncated: boolean
}

/** The events of one transaction are handled together with those of others, whose traces are then followed too. */
const mostTraces = 50

/** The positions that a subscriber's transaction is about: `subscriber:mail:5`, `subscriber:mail:5-9`. */
export function handledBy(cause: string | null): { name: string; first: number; last: number } | undefined {
  const parts = /^subscriber:(.+):(\d+)(?:-(\d+))?$/.exec(cause ?? '')
  if (!parts) return undefined
  const [, name, first, last] = parts
  return { name: name!, first: Number(first), last: Number(last ?? first) }
}

export const eventsOf = (transaction: LoggedTransaction | undefined) =>
  (transaction?.entries ?? []).filter(({ table }) => table === 'monobloc_event')

/** Follows traces, and what was handled together with them. */
export async function gather(store: WhyStore, traces: readonly string[]): Promise<Gathered> {
  const found: Gathered = {
    traces: new Set(),
    commits: new Map(),
    jobs: new Map(),
    ticks: new Map(),
    skipped: [],
    waiting: [],
    webhooks: [],
    consumers: await store.consumers(),
    truncated: false,
  }
  const left = [...traces]
  for (let trace = left.pop(); trace !== undefined; trace = left.pop()) {
    if (found.traces.has(trace)) continue
    if (found.traces.size >= mostTraces) {
      found.truncated = true
      break
    }
    found.traces.add(trace)
    const happened = await gatherTrace(store, trace, found)
    for (const batch of await batchesOf(store, happened)) {
      await addCommit(store, found, batch)
      if (batch.trace) left.push(batch.trace)
    }
  }
  return found
}

/** @returns the positions at which something happened that subscribers may have heard of */
async function gatherTrace(store: WhyStore, trace: string, found: Gathered): Promise<number[]> {
  const commits = await store.commitsOf('trace', trace)
  const jobs = await store.jobsOf(trace)
  if (commits.length >= mostFound || jobs.length >= mostFound) found.truncated = true
  for (const commit of commits) await addCommit(store, found, commit)
  for (const job of jobs) found.jobs.set(job.id, job)
  for (const tick of await store.ticksOf(trace)) found.ticks.set(tick.id, tick)
  found.waiting.push(...(await store.waitingOf(trace)))
  found.webhooks.push(...(await store.webhooksOf(trace)))
  const happened = commits
    .map(({ position }) => position)
    .filter((position) => eventsOf(found.commits.get(position)!.transaction).length > 0)
  for (const position of happened) found.skipped.push(...(await store.skippedAt(position)))
  return happened
}

async function addCommit(store: WhyStore, found: Gathered, commit: CommitFacts): Promise<void> {
  const { position } = commit
  if (found.commits.has(position)) return
  found.commits.set(position, { ...commit, transaction: await store.transaction(position) })
}

async function batchesOf(store: WhyStore, happened: readonly number[]): Promise<CommitFacts[]> {
  if (happened.length === 0) return []
  const batches = await store.batchesAfter(Math.min(...happened))
  return batches.filter(({ cause }) => {
    const handled = handledBy(cause)
    return handled && happened.some((position) => position >= handled.first && position <= handled.last)
  })
}
