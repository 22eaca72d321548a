import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from './acknowledged.ts'
import { Connections } from './connection.ts'
import { accountNames, counterNames, openingBalance, productNames } from './effects-app.ts'
import type { EffectsLedger, Request, Sent } from './effects-ledger.ts'
import { Random } from './random.ts'

/** Milliseconds that a client waits when it was cut off or sent away. */
const pause = 15

/** Registers of one client, which it alone sets, in turn. */
const registersPerClient = 2

interface Client {
  name: string
  random: Random
  count: number
  /** The last value of each of its registers. */
  values: number[]
  connections: Connections
}

export interface Ports {
  /** Of a process that serves, or did a moment ago; undefined when none does. */
  port(random: Random): number | undefined
}

/**
 * Clients of several processes on one database, each request to any of them. What a read shows is held to what anyone was
 * told or shown before it was sent.
 */
export class EffectsClients {
  readonly violations: string[] = []
  readonly #ledger: EffectsLedger
  readonly #ports: Ports
  readonly #clients: Client[]
  #stopping = false
  #reads = 0
  #retried = 0

  constructor(seed: number, clients: number, ledger: EffectsLedger, ports: Ports) {
    this.#ledger = ledger
    this.#ports = ports
    this.#clients = Array.from({ length: clients }, (_, at) => ({
      name: `s${seed}c${at}`,
      random: new Random(seed, 100 + at),
      count: 0,
      values: Array(registersPerClient).fill(0),
      connections: new Connections(),
    }))
  }

  /** Reads that were held to what was known, and requests that were sent again by key. */
  get counts() {
    return { reads: this.#reads, retried: this.#retried }
  }

  /** Sends until `stop`. */
  async run(): Promise<void> {
    this.#stopping = false
    await Promise.all(this.#clients.map((client) => this.#client(client)))
  }

  stop(): void {
    this.#stopping = true
  }

  close(): void {
    for (const { connections } of this.#clients) connections.close()
  }

  async #client(client: Client): Promise<void> {
    const { random } = client
    while (!this.#stopping) {
      if (random.chance(0.35)) await this.#read(client)
      else await this.#write(client)
    }
  }

  async #write(client: Client): Promise<void> {
    if (this.#ports.port(client.random) === undefined) {
      await wait(pause)
      return
    }
    const request = this.#draw(client)
    const sent = this.#ledger.send(`${client.name}.${++client.count}`, request)
    const answer = await this.#ask(client, (connection) => connection.ask(...callOf(sent)))
    this.#ledger.record(sent, answer)
    this.#judge(sent)
    // A client that may, asks again at once, as often of another process as not.
    if (answer === null && request.kind === 'hit' && client.random.chance(0.7)) {
      this.#retried++
      await this.retry(sent, client.random)
    }
    if (answer === null || answer.status === 503) await wait(pause)
  }

  #judge({ id, outcome, refusal, request }: Sent): void {
    if (outcome !== 'refused' || refusal!.status === 503) return
    const expected: readonly number[] = request.kind === 'hit' ? [] : [409, 422]
    if (!expected.includes(refusal!.status))
      this.violations.push(`audit: ${request.kind} ${id} was answered ${refusal!.status} ${refusal!.body}`)
  }

  /** Sends a request with a key again. Every 2xx of one key is the same, byte by byte. */
  async retry(sent: Sent, random: Random): Promise<void> {
    const before = sent.answer
    const connections = new Connections()
    try {
      const answer = await this.#ask({ random, connections }, (connection) => connection.ask(...callOf(sent)))
      if (!answer || answer.status === 503 || answer.status === 409) return
      if (answer.status !== 201) {
        this.violations.push(`audit: retry of ${sent.id} was answered ${answer.status} ${answer.body}`)
        return
      }
      this.#ledger.record(sent, answer)
      if (before && (before.body !== answer.body || before.declared !== answer.declared))
        this.violations.push(`once: retry of ${sent.id}: ${answer.body} where the first answer was ${before.body}`)
    } finally {
      connections.close()
    }
  }

  async #read(client: Client): Promise<void> {
    const { random } = client
    if (random.chance(0.1)) {
      const answer = await this.#ask(client, (connection) => connection.ask('GET', '/sum'))
      const expected = openingBalance * accountNames.length
      if (answer?.status === 200 && JSON.parse(answer.body).balance !== expected)
        this.violations.push(`atomic: all accounts hold ${answer.body} where ${expected} is due`)
      return
    }
    const owner = random.pick(this.#clients)
    const name = `${owner.name}-${random.below(registersPerClient)}`
    const floor = this.#ledger.floor(name)
    const from = random.pick(['registers', 'kept', 'kept', 'cached'] as const)
    const answer = await this.#ask(client, (connection) => connection.ask('GET', `/${from}/${name}`))
    if (answer?.status !== 200) {
      if (answer && answer.status !== 503)
        this.violations.push(`audit: a read was answered ${answer.status} ${answer.body}`)
      await wait(pause)
      return
    }
    this.#reads++
    const { value } = JSON.parse(answer.body)
    if (value < floor)
      this.violations.push(`fresh: register ${name} was read from /${from} as ${value} when ${floor} was known`)
    this.#ledger.raiseFloor(name, value)
  }

  async #ask(
    { random, connections }: { random: Random; connections: Connections },
    send: (connection: ReturnType<Connections['to']>) => Promise<Answer | null>,
  ): Promise<Answer | null> {
    const port = this.#ports.port(random)
    if (port === undefined) {
      await wait(pause)
      return null
    }
    const connection = connections.to(port)
    const answer = await send(connection)
    if (answer === null) connections.drop(connection)
    return answer
  }

  #draw(client: Client): Request {
    const { random } = client
    const kind = random.pick(kinds)
    switch (kind) {
      case 'transfer': {
        const [one, other] = random.some(accountNames, 2) as [string, string]
        const [source, target] = random.chance(0.5) ? [one, other] : [other, one]
        const amount = random.chance(0.1) ? openingBalance * accountNames.length + 1 : 1 + random.below(40)
        return { kind, source, target, amount }
      }
      case 'purchase':
      case 'restock':
        return { kind, product: random.pick(productNames), quantity: 1 + random.below(kind === 'purchase' ? 6 : 12) }
      case 'hit':
        return { kind, counter: random.pick(counterNames) }
      case 'register': {
        const at = random.below(registersPerClient)
        client.values[at]!++
        return { kind, name: `${client.name}-${at}`, value: client.values[at]! }
      }
      case 'refusal':
        return { kind }
    }
  }
}

// Weighted by repetition.
const kinds = [
  ...['transfer', 'transfer', 'transfer', 'purchase', 'purchase', 'restock'],
  ...['hit', 'hit', 'register', 'register', 'refusal'],
] as Request['kind'][]

function callOf({ id, request }: Sent): [method: string, path: string, body: unknown, headers: Record<string, string>] {
  const { kind, ...rest } = request
  const headers = { 'X-Request-Id': id }
  const body = { request: id, ...rest }
  switch (kind) {
    case 'transfer':
      return ['POST', '/transfers', body, headers]
    case 'purchase':
      return ['POST', '/purchases', body, headers]
    case 'restock':
      return ['POST', '/restocks', body, headers]
    case 'hit':
      return ['POST', '/hits', body, { ...headers, 'Idempotency-Key': id }]
    case 'register':
      return [
        'PUT',
        `/registers/${(rest as { name: string }).name}`,
        { value: (rest as { value: number }).value },
        headers,
      ]
    case 'refusal':
      return ['POST', '/refusals', body, headers]
  }
}
