import type { LogOperation } from '../storage/index.ts'

/** Something that happened, and what it made happen. */
export interface WhyNode {
  kind: 'request' | 'commit' | 'event' | 'subscriber' | 'job' | 'tick' | 'delivery'
  /**
   * A request's id, the position of a commit, the id of an event, job or tick, `mail:12` of a subscriber that handled what
   * commit 12 has, `shop:7` of the seventh delivery to an endpoint.
   */
  id: string
  /** Of the event, the job, the schedule, the subscriber, the endpoint. */
  name: string | null
  /** When it was committed, enqueued or due; null where that is not known. */
  at: Date | null
  /** When it ended, of a job and a delivery. */
  ended: Date | null
  /** `committed`, `done`, `failed`, `waiting`, `skipped`, `unknown` (it is no longer kept), … */
  outcome: string | null
  attempts: number | null
  /** What failed last. */
  error: string | null
  /** Of a commit: who it was, for the log. Null: nobody, or the system. */
  actor: string | null
  /** Of a commit: how many rows of which models were changed how. */
  rows: Record<string, Partial<Record<LogOperation, number>>>
  children: WhyNode[]
}

export function whyNode(kind: WhyNode['kind'], id: string, facts: Partial<WhyNode> = {}): WhyNode {
  return {
    kind,
    id,
    name: null,
    at: null,
    ended: null,
    outcome: null,
    attempts: null,
    error: null,
    actor: null,
    rows: {},
    children: [],
    ...facts,
  }
}
