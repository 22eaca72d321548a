import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Effect } from './effect.ts'
import type { Subscriber } from './subscriber.ts'
import { gather } from './why-gather.ts'
import type { WhyNode } from './why-node.ts'
import { WhyStore } from './why-store.ts'
import { whyTree } from './why-tree.ts'

export interface Why {
  /** What was asked for turned out to be one of these. */
  found: 'request' | 'commit' | 'job' | 'tick' | 'trace'
  /** Those that were followed. */
  traces: string[]
  /** What it all began with, and what followed. */
  nodes: WhyNode[]
  /** There is more than was looked at: 1,000 commits and jobs of a trace. */
  truncated: boolean
}

export interface WhyContext {
  storage: Storage
  schema: Schema
  effects: readonly Effect[]
}

/**
 * What belongs together with a request, a commit, a job, a tick or a trace, by what the log and the tables of jobs,
 * schedules, subscribers and webhooks still have of it.
 *
 * @throws MonoblocError `not_found`; `position_pruned` for a commit that is no longer in the log
 */
export async function why({ storage, schema, effects }: WhyContext, asked: string): Promise<Why> {
  const store = new WhyStore(storage, schema)
  const ends = await store.ends()
  const { found, traces } = await find(store, asked, ends)
  const gathered = await gather(store, traces)
  const subscribers = effects.filter((effect) => effect.kind === 'subscriber') as Subscriber[]
  const nodes = whyTree(gathered, subscribers)
  if (nodes.length === 0) throw unknown(asked, ends)
  return { found, traces: [...gathered.traces], nodes, truncated: gathered.truncated }
}

type Ends = Awaited<ReturnType<WhyStore['ends']>>
type Found = Pick<Why, 'found' | 'traces'>

async function find(store: WhyStore, asked: string, ends: Ends): Promise<Found> {
  if (/^[0-9a-f]{32}$/.test(asked)) return { found: 'trace', traces: [asked] }
  const traced = (found: Why['found'], ...of: { trace: string | null }[]): Found | undefined => {
    const traces = of.flatMap(({ trace }) => (trace === null ? [] : [trace]))
    return traces.length > 0 ? { found, traces: [...new Set(traces)] } : undefined
  }
  const position = /^\d{1,15}$/.test(asked) ? Number(asked) : undefined
  const commit = position === undefined ? undefined : await store.commitAt(position)
  const job = await store.job(asked)
  const tick = await store.tick(asked.replace(/^schedule:/, ''))
  const result =
    (commit && traced('commit', commit)) ??
    (job && traced('job', job)) ??
    (tick && traced('tick', tick)) ??
    traced('request', ...(await store.commitsOf('cause', asked)))
  if (result) return result
  if (commit) {
    throw new MonoblocError('not_found', {
      subject: asked,
      detail: `Commit ${asked} has no trace: another program made it, or an earlier version of Monobloc.`,
    })
  }
  if (position !== undefined && ends && position < ends.oldest) {
    const since = ends.since.toISOString()
    throw new MonoblocError('position_pruned', {
      detail: `Commit ${position} is no longer in the log, which begins at ${ends.oldest}, of ${since}.`,
    })
  }
  throw unknown(asked, ends)
}

function unknown(asked: string, ends: Ends): MonoblocError {
  const log = ends
    ? `The log has commits ${ends.oldest} to ${ends.newest}, since ${ends.since.toISOString()}.`
    : 'The log is empty.'
  return new MonoblocError('not_found', {
    subject: asked,
    detail:
      `Nothing is known of ${JSON.stringify(asked)}: it is no request that wrote anything, commit, job, tick or trace, ` +
      `or it was too long ago. ${log}`,
  })
}
