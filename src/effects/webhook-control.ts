import { ScopedDb } from '../commit/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import { uuidv7 } from '../schema/index.ts'
import type { Queries, Session, Storage } from '../storage/index.ts'
import type { Webhooks } from './webhook.ts'
import { newSecret, secretKey } from './webhook-signature.ts'
import { type DeliveryRow, type EndpointRow, nameOf, WebhookStore } from './webhook-store.ts'

/** Where events are sent to. Its secret is in no list: it is shown once, when it is made. */
export interface WebhookEndpoint {
  id: string
  url: string
  owner: string | null
  /** Names of events; null: all. */
  events: string[] | null
  description: string | null
  state: 'active' | 'disabled'
  /** Why it is disabled: it failed for too long, answered 410, or somebody asked for it. */
  reason: 'failing' | 'gone' | 'asked' | null
  /** Since when it is in its state. */
  since: Date
  created: Date
  /** Deliveries that wait, skipped ones among them until their turn. */
  waiting: number
  /** Since when every attempt has failed; null: the last one succeeded. */
  failingSince: Date | null
  /** Where the last attempt has failed: when the next one is due. */
  nextAttempt: Date | null
}

export interface WebhookSecret {
  /** `whsec_…`: give it to whoever receives. It is not shown again. */
  secret: string
}

/** One message for one endpoint, with what came of the newest attempt. */
export interface WebhookDelivery {
  /** `<endpoint>:<number>` */
  id: string
  endpoint: string
  /** The message's `webhook-id`: the same at each attempt and at each replay. */
  message: string
  event: string
  /** As JSON. */
  data: string
  state: 'waiting' | 'delivered' | 'skipped'
  attempts: number
  /** When it happened, and when it was handed out. */
  at: Date
  created: Date
  tried: Date | null
  status: number | null
  /** Milliseconds. */
  duration: number | null
  error: string | null
  /** The first 1,024 bytes of what the endpoint answered. */
  response: string | null
}

export interface AddEndpoint {
  url: string
  /** Names of events. Default: all that are sent. */
  events?: readonly string[] | null
  /** Whose it is: see `owner` of `webhooks()`. Default: nobody's, which is sent everything. */
  owner?: string | null
  description?: string | null
  /** One that was agreed on before: `whsec_…`. Default: a new one. */
  secret?: string
}

export interface ReplayOptions {
  endpoint: string
  /** What happened from this time on. */
  since?: Date
  /** What happened behind this position of the commit log. */
  after?: number
}

export interface DeliveriesOptions {
  state?: WebhookDelivery['state']
  /** 1 to 1,000. Default 50. */
  limit?: number
  /** Those before this delivery: its id. */
  before?: string
}

/** The endpoints of an app and what is sent to them. It works on the database, whoever runs. */
export interface WebhookControl {
  /** The oldest first: 10,000 at most. */
  list(options?: { owner?: string }): Promise<WebhookEndpoint[]>
  /** @throws MonoblocError `not_found` */
  get(id: string): Promise<WebhookEndpoint>
  /** @throws MonoblocError `address_refused`, `validation_failed`, `webhook_endpoints_full` */
  add(endpoint: AddEndpoint): Promise<WebhookEndpoint & WebhookSecret>
  /** @throws MonoblocError `not_found`, `address_refused`, `validation_failed` */
  update(id: string, change: Pick<AddEndpoint, 'events' | 'description'> & { url?: string }): Promise<WebhookEndpoint>
  /** With all of its deliveries. @throws MonoblocError `not_found` */
  remove(id: string): Promise<void>
  /** What waits is sent; what happened while it was disabled can be replayed. @throws MonoblocError `not_found` */
  enable(id: string): Promise<WebhookEndpoint>
  /** Nothing is sent or handed out to it. @throws MonoblocError `not_found` */
  disable(id: string): Promise<WebhookEndpoint>
  /**
   * A new secret. The one before signs too for a while.
   *
   * @param overlap milliseconds. Default: 24 hours
   * @throws MonoblocError `not_found`
   */
  rotate(id: string, options?: { overlap?: number; secret?: string }): Promise<WebhookEndpoint & WebhookSecret>
  /** The newest first. @throws MonoblocError `not_found` */
  deliveries(endpoint: string, options?: DeliveriesOptions): Promise<WebhookDelivery[]>
  /** @throws MonoblocError `not_found` */
  delivery(id: string): Promise<WebhookDelivery>
  /**
   * Sends again, behind what waits, with the ids of before: one delivery by its id, or what an endpoint wants of all that
   * happened since a time or position. At most 10,000 at once.
   *
   * @returns how many were appended, and where to go on (`after`) where there are more
   * @throws MonoblocError `not_found`
   */
  replay(what: string | ReplayOptions): Promise<{ count: number; after: number | null }>
  /** What waits is never sent, and does not hold back what is behind it. @throws MonoblocError `not_found` */
  skip(delivery: string): Promise<WebhookDelivery>
}

/** One transaction or snapshot in which a control works. */
interface Placed {
  session: Session
  store: WebhookStore
  now: number
}

/** Where a control does its work: in transactions of its own, or in that of a `db`. */
export interface WebhookPlace {
  read<T>(work: (at: Placed) => Promise<T>): Promise<T>
  write<T>(work: (at: Placed) => Promise<T>): Promise<T>
}

const day = 24 * 60 * 60 * 1000
/** Rows of one transaction. */
export const mostReplayed = 10_000
const replayPage = 500
/** Endpoints of an app. A look at what is due reads them all. */
export const mostEndpoints = 10_000
const longestText = 500
const mostDeliveries = 1000
const ownDeadline = 30_000

export function inStorage(storage: Storage, now: () => number): WebhookPlace {
  const store = new WebhookStore(storage.dialect)
  return {
    read: async (work) => storage.read({ deadline: ownDeadline }, (session) => work({ session, store, now: now() })),
    write: (work) => storage.write({ deadline: ownDeadline }, (session) => work({ session, store, now: now() })),
  }
}

export function inDb(db: unknown): WebhookPlace {
  const placed = ({ session, queries }: { session: Session; queries: Queries }): Placed => ({
    session,
    store: new WebhookStore(queries.dialect),
    now: queries.now(),
  })
  return {
    read: async (work) => ScopedDb.beneath(db, (rows) => work(placed(rows))),
    write: (work) => ScopedDb.effect(db, (rows) => work(placed(rows))),
  }
}

export function createWebhookControl(webhooks: Webhooks, place: WebhookPlace): WebhookControl {
  function change(id: string, work: (at: Placed, row: EndpointRow) => unknown): Promise<WebhookEndpoint> {
    return place.write(async (at) => {
      await work(at, await known(at, id))
      return shown(await known(at, id), at.now)
    })
  }

  function eventsOf(names: AddEndpoint['events']): string | null {
    if (names === undefined || names === null) return null
    const isGood = Array.isArray(names) && names.length > 0 && names.every((name) => webhooks.events.has(name))
    if (isGood) return [...new Set(names)].map(nameOf).join('')
    const message = `has names of events: ${[...webhooks.events.keys()].join(', ')}`
    throw new MonoblocError('validation_failed', { violations: [{ path: ['events'], code: 'invalid_value', message }] })
  }

  return {
    list: ({ owner } = {}) =>
      place.read(async ({ session, store, now }) =>
        (await store.endpoints(session, owner, mostEndpoints)).map((row) => shown(row, now)),
      ),
    get: (id) => place.read(async (at) => shown(await known(at, id), at.now)),
    async add(endpoint) {
      checkOptions('webhooks.add()', endpoint, addable)
      const { url, secret = newSecret() } = endpoint
      webhooks.checkUrl(url)
      secretKey(secret)
      const owner = textOf('owner', endpoint.owner)
      const description = textOf('description', endpoint.description)
      const events = eventsOf(endpoint.events)
      return place.write(async (at) => {
        const { session, store, now } = at
        if ((await store.count(session)) >= mostEndpoints) throw new MonoblocError('webhook_endpoints_full')
        const id = `whe_${uuidv7(now).replaceAll('-', '')}`
        await store.add(session, { id, url, owner, events, description, secret, created: now })
        return { ...shown(await known(at, id), now), secret }
      })
    },
    async update(id, given) {
      checkOptions('webhooks.update()', given, { url: true, events: true, description: true })
      const { url, events, description } = given
      if (url !== undefined) webhooks.checkUrl(url)
      const changed = {
        ...(url !== undefined && { url }),
        ...(events !== undefined && { events: eventsOf(events) }),
        ...(description !== undefined && { description: textOf('description', description) }),
      }
      return change(id, ({ session, store }, row) => store.change(session, { ...row, ...changed }))
    },
    remove: (id) =>
      place.write(async (at) => {
        await known(at, id)
        await at.store.remove(at.session, id)
      }),
    enable: (id) =>
      change(id, async ({ session, store, now }) => {
        await store.setState(session, id, 'active', null, now)
        await store.restart(session, id)
      }),
    disable: (id) => change(id, ({ session, store, now }) => store.setState(session, id, 'disabled', 'asked', now)),
    async rotate(id, { overlap = day, secret = newSecret() } = {}) {
      secretKey(secret)
      if (!Number.isSafeInteger(overlap) || overlap < 0)
        throw new MonoblocError('definition_invalid', { detail: 'webhooks.rotate(): overlap is in milliseconds.' })
      const row = await change(id, ({ session, store, now }, before) =>
        store.setSecret(session, id, secret, before.secret, now + overlap),
      )
      return { ...row, secret }
    },
    ...deliveryCalls(place),
  }
}

function deliveryCalls(place: WebhookPlace): Pick<WebhookControl, 'deliveries' | 'delivery' | 'replay' | 'skip'> {
  return {
    deliveries: (id, options = {}) =>
      place.read(async (at) => {
        await known(at, id)
        return (await at.store.deliveries(at.session, id, pageOf(options))).map(shownDelivery)
      }),
    delivery: (id) => place.read(async (at) => shownDelivery(await knownDelivery(at, id))),
    replay: (what) =>
      place.write(async (at) => {
        if (typeof what !== 'string') return replayAll(at, await known(at, what.endpoint), what)
        const { endpoint, message } = await knownDelivery(at, what)
        await at.store.append(at.session, endpoint, message, at.now)
        return { count: 1, after: null }
      }),
    skip: (id) =>
      place.write(async (at) => {
        const { endpoint, sequence } = await knownDelivery(at, id)
        await at.store.skip(at.session, endpoint, sequence)
        await at.store.hurry(at.session, endpoint)
        return shownDelivery(await knownDelivery(at, id))
      }),
  }
}

const addable = { url: true, events: true, owner: true, description: true, secret: true } satisfies Record<
  keyof AddEndpoint,
  true
>

async function known({ session, store }: Placed, id: string): Promise<EndpointRow> {
  const row = await store.endpoint(session, String(id))
  if (!row) throw new MonoblocError('not_found', { subject: 'webhook endpoint' })
  return row
}

async function knownDelivery({ session, store }: Placed, id: string): Promise<DeliveryRow> {
  const [endpoint = '', sequence = ''] = String(id).split(':')
  const row = /^\d{1,15}$/.test(sequence) && (await store.delivery(session, endpoint, Number(sequence)))
  if (!row) throw new MonoblocError('not_found', { subject: 'webhook delivery' })
  return row
}

async function replayAll(
  { session, store, now }: Placed,
  endpoint: EndpointRow,
  { since, after }: ReplayOptions,
): Promise<{ count: number; after: number | null }> {
  if ((since === undefined) === (after === undefined))
    throw new MonoblocError('definition_invalid', { detail: 'webhooks.replay(): give since, or after.' })
  let count = 0
  // Behind the whole of the transaction at `after`.
  let place = { position: after ?? -1, sequence: Number.MAX_SAFE_INTEGER }
  for (;;) {
    const page = await store.messagesSince(session, place, { since: since?.getTime() ?? 0, limit: replayPage })
    for (const { id, event, owner, position, sequence } of page) {
      // The next call goes on behind a whole transaction.
      if (count >= mostReplayed && position !== place.position) return { count, after: place.position }
      place = { position, sequence }
      const isWanted =
        (endpoint.owner === null || endpoint.owner === owner) &&
        (endpoint.events === null || endpoint.events.includes(nameOf(event)))
      if (!isWanted) continue
      await store.append(session, endpoint.id, id, now)
      count++
    }
    if (page.length < replayPage) return { count, after: null }
  }
}

function pageOf({ state, limit = 50, before }: DeliveriesOptions) {
  if (!Number.isInteger(limit) || limit < 1 || limit > mostDeliveries)
    throw new MonoblocError('definition_invalid', { detail: `webhooks.deliveries(): limit is 1 to ${mostDeliveries}.` })
  const number = before === undefined ? Number.MAX_SAFE_INTEGER : Number(before.split(':')[1])
  if (!Number.isSafeInteger(number))
    throw new MonoblocError('definition_invalid', { detail: 'webhooks.deliveries(): before is the id of a delivery.' })
  return { state, limit, before: number }
}

function textOf(name: string, text: string | null | undefined): string | null {
  if (text === undefined || text === null) return null
  if (typeof text === 'string' && text.length <= longestText && !text.includes('\0') && text.isWellFormed()) return text
  const message = `is text of at most ${longestText} characters`
  throw new MonoblocError('validation_failed', { violations: [{ path: [name], code: 'invalid_value', message }] })
}

function shown(row: EndpointRow, now: number): WebhookEndpoint {
  const { id, url, owner, events, description, state, reason, since, created, last, done, retry, failing } = row
  return {
    id,
    url,
    owner,
    events: events === null ? null : events.slice(1, -1).split('||'),
    description,
    state,
    reason,
    since: new Date(since),
    created: new Date(created),
    waiting: last - done,
    failingSince: failing === 0 ? null : new Date(failing),
    nextAttempt: failing === 0 || state === 'disabled' ? null : new Date(Math.max(retry, now)),
  }
}

function shownDelivery(row: DeliveryRow): WebhookDelivery {
  const { sequence, at, created, tried, ...rest } = row
  return {
    ...rest,
    id: `${row.endpoint}:${sequence}`,
    at: new Date(at),
    created: new Date(created),
    tried: tried === null ? null : new Date(tried),
  }
}
