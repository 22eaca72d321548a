// Where the webhooks of the campaign of effects go: a server that writes down what comes, and fails now and then.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { verifyWebhook } from '../../src/effects/index.ts'
import { hookSecret } from './effects-app.ts'
import { freePort } from './free-port.ts'
import { Random } from './random.ts'

/** One delivery that came. */
export interface Received {
  endpoint: string
  /** The same each time that it comes. */
  id: string
  body: string
  isSigned: boolean
  /** Whether the endpoint has it from now on, whatever its sender hears of that. */
  isTaken: boolean
}

/** What becomes of a delivery: how often of a hundred, and whether it was taken. */
const manners = [
  { name: 'error', percent: 6, isTaken: false },
  { name: 'busy', percent: 3, isTaken: false },
  { name: 'hang-up', percent: 3, isTaken: false },
  { name: 'answer lost', percent: 4, isTaken: true },
  { name: 'slow', percent: 4, isTaken: true },
  { name: 'refusing', percent: 3, isTaken: false },
  { name: 'well', percent: 77, isTaken: true },
] as const

type Manner = (typeof manners)[number]

/** Milliseconds: longer than the app waits for an answer, or not. */
const longestAnswer = 1_000
const longestRefusal = 300

// A signature says when it was made, by a clock that has been moved since.
const tolerance = 24 * 60 * 60 * 1000

export class EffectsReceiver {
  /** In the order in which they came. */
  readonly all: Received[] = []
  readonly #port: number
  readonly #server: Server
  readonly #random: Random
  #isCalm = false
  #refusing: Promise<void> | undefined

  private constructor(seed: number, port: number) {
    this.#random = new Random(seed, 30)
    this.#port = port
    this.#server = createServer((request, response) => void this.#receive(request, response).catch(() => {}))
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  static async open(seed: number): Promise<EffectsReceiver> {
    const receiver = new EffectsReceiver(seed, await freePort())
    await receiver.#listen()
    return receiver
  }

  /** From now on it fails no more. */
  async calm(): Promise<void> {
    this.#isCalm = true
    await this.#refusing
  }

  async close(): Promise<void> {
    await this.calm()
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // What a process that is killed had sent in part came to nobody.
    const body = Buffer.concat(await request.toArray())
    const manner = this.#draw()
    this.all.push({
      endpoint: request.url!.slice(1),
      id: String(request.headers['webhook-id']),
      body: body.toString(),
      isSigned: isSigned(request, body),
      isTaken: manner.isTaken,
    })
    await this.#answer(manner, response)
  }

  #draw(): Manner {
    if (this.#isCalm) return manners.at(-1)!
    let dice = this.#random.below(100)
    return manners.find(({ percent }) => (dice -= percent) < 0)!
  }

  async #answer({ name }: Manner, response: ServerResponse): Promise<void> {
    switch (name) {
      case 'hang-up':
      case 'answer lost':
        response.destroy()
        return
      case 'refusing':
        this.#refusing ??= this.#refuse().finally(() => {
          this.#refusing = undefined
        })
        return
      case 'slow':
        await wait(this.#random.below(longestAnswer))
    }
    if (name === 'busy') response.setHeader('retry-after', 2)
    response.writeHead(name === 'error' ? 500 : name === 'busy' ? 503 : 204).end()
  }

  /** Whoever calls meanwhile finds nobody. */
  async #refuse(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
    await wait(this.#random.below(longestRefusal))
    await this.#listen()
  }
}

function isSigned({ headers }: IncomingMessage, body: Buffer): boolean {
  try {
    verifyWebhook({ headers, body }, { secret: hookSecret, tolerance })
    return true
  } catch {
    return false
  }
}
