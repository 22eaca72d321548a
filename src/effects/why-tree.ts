import type { Subscriber } from './subscriber.ts'
import { eventsOf, type Gathered, handledBy } from './why-gather.ts'
import { type WhyNode, whyNode } from './why-node.ts'
import type { JobFactsFound, WaitingFacts, WebhookFacts } from './why-store.ts'

const dateOf = (at: number | null) => (at === null ? null : new Date(at))

/** What happened, from its beginnings on. */
export function whyTree(found: Gathered, subscribers: readonly Subscriber[]): WhyNode[] {
  return new WhyTree(found, subscribers).build()
}

class WhyTree {
  readonly #found: Gathered
  readonly #subscribers: readonly Subscriber[]
  readonly #roots: WhyNode[] = []
  readonly #commits = new Map<number, WhyNode>()
  readonly #events = new Map<string, WhyNode>()
  /** Jobs, ticks, requests and subscribers, by what their units of work name as their cause. */
  readonly #causes = new Map<string, WhyNode>()

  constructor(found: Gathered, subscribers: readonly Subscriber[]) {
    this.#found = found
    this.#subscribers = subscribers
  }

  build(): WhyNode[] {
    const { commits, jobs, ticks, webhooks } = this.#found
    for (const position of commits.keys()) this.#commits.set(position, this.#commit(position))
    for (const { id, schedule, at, outcome } of ticks.values()) {
      const tick = whyNode('tick', id, { name: schedule, at: new Date(at), outcome })
      this.#causes.set(`schedule:${id}`, tick)
      this.#roots.push(tick)
    }
    for (const job of jobs.values()) this.#causes.set(`job:${job.id}`, jobNode(job))
    for (const [position, { cause }] of commits) this.#place(this.#commits.get(position)!, cause)
    for (const { id, cause } of jobs.values()) this.#place(this.#causes.get(`job:${id}`)!, cause)
    for (const webhook of webhooks) (this.#events.get(webhook.message)?.children ?? this.#roots).push(delivery(webhook))
    for (const position of commits.keys()) this.#silent(position)
    return sorted(this.#roots)
  }

  #commit(position: number): WhyNode {
    const { at, actor, transaction } = this.#found.commits.get(position)!
    const node = whyNode('commit', String(position), { at: new Date(at), actor, outcome: 'committed' })
    for (const { table, operation } of transaction?.entries ?? []) {
      if (table === 'monobloc_event') continue
      const counts = (node.rows[table] ??= {})
      counts[operation] = (counts[operation] ?? 0) + 1
    }
    for (const { row } of eventsOf(transaction)) {
      const event = whyNode('event', String(row.id), { name: String(row.name), at: new Date(at) })
      this.#events.set(event.id, event)
      node.children.push(event)
    }
    return node
  }

  /** Puts a node under what caused it. */
  #place(node: WhyNode, cause: string | null): void {
    if (cause === null) this.#roots.push(node)
    else this.#causeOf(cause, Number(node.id)).children.push(node)
  }

  #causeOf(cause: string, position: number): WhyNode {
    const known = this.#causes.get(cause)
    if (known) return known
    const handled = handledBy(cause)
    if (handled) {
      const about = [...this.#commits.keys()].find((at) => at >= handled.first && at <= handled.last && at !== position)
      return this.#subscriber(handled.name, about ?? handled.first)
    }
    const [kind, id] = cause.startsWith('job:')
      ? (['job', cause.slice(4)] as const)
      : cause.startsWith('schedule:')
        ? (['tick', cause.slice(9)] as const)
        : (['request', cause] as const)
    const node = whyNode(kind, id, kind === 'request' ? {} : { outcome: 'unknown' })
    this.#causes.set(cause, node)
    this.#roots.push(node)
    return node
  }

  /** A subscriber that handled what a commit has. */
  #subscriber(name: string, position: number, facts: Partial<WhyNode> = { outcome: 'done' }): WhyNode {
    const key = `subscriber:${name}:${position}`
    const known = this.#causes.get(key)
    if (known) return known
    const node = whyNode('subscriber', `${name}:${position}`, { name, ...facts })
    this.#causes.set(key, node)
    const about = this.#commits.get(position)
    const declared = this.#subscribers.find((subscriber) => subscriber.name === name)
    const event = about?.children.find((child) => child.kind === 'event' && child.name === declared?.event.name)
    const parent = event ?? about
    if (parent) parent.children.push(node)
    else this.#roots.push(node)
    return node
  }

  /** Subscribers that have written nothing for the events of a commit, which may be all that there is to do. */
  #silent(position: number): void {
    const names = new Set(eventsOf(this.#found.commits.get(position)!.transaction).map(({ row }) => row.name))
    for (const { name, event } of this.#subscribers) {
      if (!names.has(event.name)) continue
      const node = this.#subscriber(name, position, this.#fate(name, position))
      const skipped = this.#of(this.#found.skipped, name, position)
      if (skipped) Object.assign(node, { outcome: 'skipped', ...failure(skipped) })
    }
  }

  #fate(name: string, position: number): Partial<WhyNode> {
    const consumer = this.#found.consumers.get(`subscriber:${name}`)
    if (!consumer) return { outcome: 'waiting' }
    const waiting = this.#of(this.#found.waiting, name, position)
    if (waiting) return { outcome: waiting.attempts > 0 ? 'failing' : 'waiting', ...failure(waiting) }
    if (consumer.position >= position) return { outcome: 'done' }
    const isNext =
      consumer.attempts > 0 && ![...this.#commits.keys()].some((at) => at > consumer.position && at < position)
    if (isNext) return { outcome: 'failing', ...failure(consumer) }
    return { outcome: consumer.state === 'running' ? 'waiting' : consumer.state }
  }

  #of(facts: readonly WaitingFacts[], name: string, position: number): WaitingFacts | undefined {
    return facts.find((one) => one.consumer === `subscriber:${name}` && one.position === position)
  }
}

function failure({ attempts, error }: { attempts: number; error: string | null }) {
  return { attempts, error }
}

function jobNode({ id, name, state, attempt, created, ended, error }: JobFactsFound): WhyNode {
  return whyNode('job', id, {
    name,
    at: dateOf(created),
    ended: dateOf(ended),
    outcome: state,
    attempts: attempt,
    error: state === 'done' ? null : messageOf(error),
  })
}

/** Errors are kept as JSON or as text. */
function messageOf(error: string | null): string | null {
  if (error === null) return null
  try {
    const { name, message } = JSON.parse(error) as { name?: string; message?: string }
    return message === undefined ? error : name ? `${name}: ${message}` : message
  } catch {
    return error
  }
}

function delivery({ endpoint, sequence, state, attempts, created, tried, status, error }: WebhookFacts): WhyNode {
  const answered = status === null ? error : `${status}`
  return whyNode('delivery', `${endpoint}:${sequence}`, {
    name: endpoint,
    at: dateOf(created),
    ended: dateOf(tried),
    outcome: state,
    attempts,
    error: state === 'delivered' ? null : answered,
  })
}

/** Commits first, then the rest, each in the order of time: what a commit enqueued is a little older than the commit. */
function sorted(nodes: WhyNode[]): WhyNode[] {
  const timeOf = (node: WhyNode): number => node.at?.getTime() ?? Math.min(Infinity, ...node.children.map(timeOf))
  for (const node of nodes) node.children = sorted(node.children)
  return nodes
    .map((node) => ({ node, rank: node.kind === 'commit' ? 0 : 1, time: timeOf(node) }))
    .toSorted((a, b) => a.rank - b.rank || (a.time === b.time ? 0 : a.time - b.time))
    .map(({ node }) => node)
}
