import { Agent as HttpAgent, type OutgoingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { checkOptions, MonoblocError } from '../errors.ts'
import { networks } from './egress-address.ts'
import { type EgressAgents, exchangeOnce, type HopAnswer } from './egress-hop.ts'
import { type Resolve, resolveName } from './egress-resolve.ts'
import { checkAddress, type EgressRules, type EgressTarget, readTarget, refusedAddress } from './egress-target.ts'

export interface EgressOptions {
  /**
   * Addresses and networks that may be called although they are not on the public internet: `127.0.0.1`, `10.2.0.0/16`,
   * `fd00::/8`. Whoever may give an address can then reach what is there. Default: none.
   */
  allow?: readonly string[]
  /** Whether `http:` may be called. Everybody on the way reads and changes what is sent. Default: https only. */
  http?: boolean
  /** Ports that may be called, or `any`. Default: 80, 443, 8080 and 8443. */
  ports?: readonly number[] | 'any'
  /** Redirects that are followed, each checked like the first address. 0 to 10. Default 0: a redirect is the answer. */
  redirects?: number
  /** Milliseconds until a connection stands: name, TCP, TLS. Default 5,000. */
  connectTimeout?: number
  /** Milliseconds for everything, redirects included, at most a day. Default 15,000. */
  timeout?: number
  /** Bytes that a body may have that is sent. Default 1 MiB. */
  maxRequest?: number
  /** Bytes that a body may have that comes back. Default 1 MiB. */
  maxResponse?: number
  /** Certificates (PEM) that are trusted, in place of Node's own. */
  ca?: string | readonly string[]
  /** How names become addresses. Default: by the name servers, without the hosts file and search domains. */
  resolve?: Resolve
}

export interface EgressRequest {
  /** Default: GET, or POST with a body. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Those of the connection (`host`, `content-length`, …) are ours and are refused. */
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  signal?: AbortSignal
  /** Reads at most this many bytes of the answer and drops the rest, where more than `maxResponse` would be an error. */
  cut?: number
  /** It may be sent again on a fresh connection when one that was kept open turns out to be closed. Default: for GET and HEAD. */
  repeatable?: boolean
}

export interface EgressResponse {
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  /** There was more than `cut`. */
  cut: boolean
  /** Where it came from, after redirects. */
  url: string
  /** Milliseconds that it took. */
  duration: number
}

/** An HTTP client for addresses that others chose. */
export interface Egress {
  /**
   * @throws MonoblocError `address_refused` before anything is sent, `egress_failed`, `egress_timeout`, `egress_too_large`
   */
  request(url: string, request?: EgressRequest): Promise<EgressResponse>
  /** What can be said of an address without asking for its name. @throws MonoblocError `address_refused` */
  check(url: string): void
  /** Ends connections that are kept open. May be called twice. */
  close(): void
}

const known = {
  allow: true,
  http: true,
  ports: true,
  redirects: true,
  connectTimeout: true,
  timeout: true,
  maxRequest: true,
  maxResponse: true,
  ca: true,
  resolve: true,
} satisfies Record<keyof EgressOptions, true>

const defaultPorts = [80, 443, 8080, 8443]
const mostRedirects = 10
// Timers go no further than some days, and would then go off at once.
const longestTimeout = 24 * 60 * 60 * 1000
const mebibyte = 1024 * 1024
// A connection that waits for its next request: long enough for a row of deliveries, short enough to hold few of them.
const keptOpen = 4000

/** Ours to say, or of the connection and not of the message (RFC 9110, 7.6.1). */
const ownHeaders =
  /^(?:host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|proxy-.*)$/i
/** What goes on to another origin: nothing that could be a credential. */
const carried = new Set(['accept', 'content-type', 'user-agent'])

/**
 * An HTTP client that is safe to point at addresses which somebody else gave (OWASP: server-side request forgery).
 *
 * An address is read once. Its name is resolved by us, every answer is checked, and the connection goes to an address
 * that was checked: what the name says a moment later has no effect. Redirects are answers unless `redirects` says
 * otherwise, and are then checked in the same way. No proxy of the environment is used, nothing is unpacked, and time and
 * size are bounded.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function egress(options: EgressOptions = {}): Egress {
  checkOptions('egress()', options, known)
  const {
    redirects = 0,
    timeout = 15_000,
    connectTimeout = 5000,
    maxRequest = mebibyte,
    maxResponse = mebibyte,
  } = options
  const bounds = { redirects, timeout, connectTimeout, maxRequest, maxResponse }
  for (const [name, value] of Object.entries(bounds)) {
    if (Number.isSafeInteger(value) && value >= (name === 'redirects' ? 0 : 1)) continue
    throw new MonoblocError('definition_invalid', { detail: `egress(): ${name} is a whole number, and not ${value}.` })
  }
  for (const [name, value] of Object.entries({ timeout, connectTimeout })) {
    if (value > longestTimeout)
      throw new MonoblocError('definition_invalid', {
        detail: `egress(): ${name} is at most a day: ${longestTimeout}.`,
      })
  }
  if (redirects > mostRedirects)
    throw new MonoblocError('definition_invalid', { detail: `egress(): redirects is at most ${mostRedirects}.` })
  const rules: EgressRules = {
    allowed: networks(options.allow ?? []),
    http: options.http ?? false,
    ports: options.ports === 'any' ? 'any' : new Set(options.ports ?? defaultPorts),
  }
  const caller = new Caller(rules, bounds, options.resolve ?? resolveName, agentsFor(options))
  return {
    request: (url, request = {}) => caller.request(url, request),
    check: (url) => void readTarget(url, rules),
    close: () => caller.close(),
  }
}

function agentsFor({ ca }: EgressOptions): EgressAgents {
  // Agents of our own, which know nothing of NODE_USE_ENV_PROXY.
  const kept = { keepAlive: true, maxFreeSockets: 2, timeout: keptOpen, scheduling: 'lifo' } as const
  return {
    http: new HttpAgent(kept),
    https: new HttpsAgent({ ...kept, ...(ca !== undefined && { ca: ca as string[] }), rejectUnauthorized: true }),
  }
}

interface Bounds {
  redirects: number
  timeout: number
  connectTimeout: number
  maxRequest: number
  maxResponse: number
}

/** What is asked of one server. */
interface Hop {
  target: EgressTarget
  method: string
  headers: OutgoingHttpHeaders
  body: Buffer | undefined
}

class Caller {
  readonly #rules: EgressRules
  readonly #bounds: Bounds
  readonly #resolve: Resolve
  readonly #agents: EgressAgents

  constructor(rules: EgressRules, bounds: Bounds, resolve: Resolve, agents: EgressAgents) {
    this.#rules = rules
    this.#bounds = bounds
    this.#resolve = resolve
    this.#agents = agents
  }

  async request(url: string, request: EgressRequest): Promise<EgressResponse> {
    const began = performance.now()
    let hop = this.#first(url, request)
    const late = AbortSignal.timeout(this.#bounds.timeout)
    const signal = request.signal ? AbortSignal.any([late, request.signal]) : late
    for (let left = this.#bounds.redirects; ; left--) {
      const answer = await this.#ask(hop, request, signal, late)
      const next = left > 0 ? this.#redirected(hop, answer) : undefined
      if (!next) return { ...answer, url: hop.target.url.href, duration: performance.now() - began }
      hop = next
    }
  }

  #first(url: string, { method, headers = {}, body }: EgressRequest): Hop {
    const target = readTarget(url, this.#rules)
    for (const name of Object.keys(headers)) {
      if (!ownHeaders.test(name)) continue
      throw new MonoblocError('definition_invalid', {
        subject: name,
        detail: `The header field ${name} is not yours to say.`,
      })
    }
    const bytes = body === undefined ? undefined : Buffer.from(body as Uint8Array)
    if (bytes && bytes.length > this.#bounds.maxRequest) {
      throw new MonoblocError('body_too_large', {
        detail: `A body of ${bytes.length} bytes was to be sent, and maxRequest is ${this.#bounds.maxRequest}.`,
      })
    }
    return { target, method: method ?? (bytes ? 'POST' : 'GET'), headers: { ...headers }, body: bytes }
  }

  async #ask(hop: Hop, request: EgressRequest, signal: AbortSignal, late: AbortSignal): Promise<HopAnswer> {
    try {
      const addresses = await this.#checked(hop.target, signal)
      return await exchangeOnce({
        ...hop,
        addresses,
        rules: this.#rules,
        agents: this.#agents,
        signal,
        connectTimeout: this.#bounds.connectTimeout,
        limit: request.cut ?? this.#bounds.maxResponse,
        cut: request.cut !== undefined,
        repeatable: request.repeatable ?? (hop.method === 'GET' || hop.method === 'HEAD'),
      })
    } catch (error) {
      if (late.aborted) throw new MonoblocError('egress_timeout', { cause: error })
      if (error instanceof MonoblocError) throw error
      const { code } = error as NodeJS.ErrnoException
      throw new MonoblocError('egress_failed', { detail: code && `${code}.`, cause: error })
    }
  }

  /** The addresses of a host, all of which may be called. @throws MonoblocError `address_refused`, `egress_failed` */
  async #checked({ host }: EgressTarget, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted()
    const connecting = AbortSignal.any([signal, AbortSignal.timeout(this.#bounds.connectTimeout)])
    const stopped = Promise.withResolvers<never>()
    const stop = () =>
      stopped.reject(new MonoblocError('egress_timeout', { detail: 'Its name was not found in time.' }))
    connecting.addEventListener('abort', stop, { once: true })
    try {
      const addresses = await Promise.race([this.#resolve(host, connecting), stopped.promise])
      if (addresses.length === 0) throw new MonoblocError('egress_failed', { detail: 'Its name has no address.' })
      // One that may not be called spoils them all: whoever mixes them tries which one we take.
      for (const address of addresses) checkAddress(address, this.#rules)
      return addresses
    } finally {
      connecting.removeEventListener('abort', stop)
    }
  }

  /** Where a redirect leads; undefined where the answer is none. @throws MonoblocError `address_refused` */
  #redirected({ target, method, headers, body }: Hop, { status, headers: answered }: HopAnswer): Hop | undefined {
    const { location } = answered
    if (![301, 302, 303, 307, 308].includes(status) || typeof location !== 'string') return undefined
    const url = URL.parse(location, target.url)
    if (!url) throw refusedAddress('it led to what is no URL')
    url.hash = ''
    const next = readTarget(url.href, this.#rules)
    if (target.url.protocol === 'https:' && url.protocol === 'http:') throw refusedAddress('it led from https to http')
    const plain = status === 303 || (status < 303 && method === 'POST')
    const kept = Object.entries(headers).filter(
      ([name]) =>
        (url.origin === target.url.origin || carried.has(name.toLowerCase())) && !(plain && /^content-/i.test(name)),
    )
    return {
      target: next,
      method: plain && method !== 'HEAD' ? 'GET' : method,
      headers: Object.fromEntries(kept),
      body: plain ? undefined : body,
    }
  }

  close(): void {
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }
}
