import type { OutgoingHttpHeaders } from 'node:http'
import { type ClientRequest, type Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { type Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { MonoblocError } from '../errors.ts'
import { checkAddress, type EgressRules, type EgressTarget } from './egress-target.ts'

export interface EgressAgents {
  http: HttpAgent
  https: HttpsAgent
}

/** One request to one server, whose addresses are known and checked. */
export interface HopRequest {
  target: EgressTarget
  method: string
  headers: OutgoingHttpHeaders
  body: Buffer | undefined
  addresses: readonly string[]
  rules: EgressRules
  agents: EgressAgents
  signal: AbortSignal
  connectTimeout: number
  /** Bytes of the answer. */
  limit: number
  /** What is beyond `limit` is dropped, where it is otherwise an error. */
  cut: boolean
  repeatable: boolean
}

export interface HopAnswer {
  status: number
  headers: IncomingMessage['headers']
  body: Buffer
  cut: boolean
}

// Header fields of an answer, together. Node's own default, said so that no flag of the process raises it.
const headerBytes = 16 * 1024

/** Sends a request and reads its answer. A kept connection that is found closed is replaced once, where that is safe. */
export async function exchangeOnce(hop: HopRequest): Promise<HopAnswer> {
  try {
    return await exchange(hop)
  } catch (error) {
    if (!hop.repeatable || !(error instanceof StaleConnection))
      throw error instanceof StaleConnection ? error.cause : error
    return exchange(hop, true)
  }
}

class StaleConnection extends Error {}

function exchange(hop: HopRequest, fresh = false): Promise<HopAnswer> {
  const { target, signal } = hop
  const { promise, resolve, reject } = Promise.withResolvers<HopAnswer>()
  const secure = target.url.protocol === 'https:'
  let outgoing: ClientRequest
  try {
    outgoing = (secure ? httpsRequest : httpRequest)({
      // Never the text of the address again: these are what was checked.
      host: target.host,
      port: target.port,
      path: target.url.pathname + target.url.search,
      method: hop.method,
      headers: {
        'user-agent': 'Monobloc',
        ...hop.headers,
        host: target.url.host,
        'accept-encoding': 'identity',
        ...(hop.body && { 'content-length': hop.body.length }),
      },
      agent: fresh ? false : secure ? hop.agents.https : hop.agents.http,
      ...(secure && { rejectUnauthorized: true, ca: hop.agents.https.options.ca }),
      ...(secure && isIP(target.host) === 0 && { servername: target.host }),
      lookup: pinned(hop.addresses),
      maxHeaderSize: headerBytes,
      insecureHTTPParser: false,
      signal,
    })
  } catch (error) {
    return Promise.reject(error)
  }
  watchConnection(outgoing, hop, secure, reject)
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    reject(stale ? new StaleConnection('closed', { cause: error }) : error)
  })
  // What a server would like to speak instead. Without a listener the connection is closed, and the request with it.
  outgoing.on('upgrade', (_response, socket: Socket) => {
    socket.destroy()
    reject(new MonoblocError('egress_failed', { detail: 'It answered with another protocol.' }))
  })
  outgoing.on('response', (incoming) => readAnswer(incoming, hop, resolve, reject))
  outgoing.end(hop.body)
  return promise
}

/** A look-up that gives what was checked, whoever asks for whatever. */
function pinned(addresses: readonly string[]): LookupFunction {
  const answers = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, options, done) => {
    if (options.all) done(null, answers)
    else done(null, answers[0]!.address, answers[0]!.family)
  }
}

/** Bounds the time that connecting takes, and looks at where the connection really ended up before anything is sent. */
function watchConnection(
  outgoing: ClientRequest,
  hop: HopRequest,
  secure: boolean,
  reject: (error: Error) => void,
): void {
  const timer = setTimeout(
    () => outgoing.destroy(new MonoblocError('egress_timeout', { detail: 'No connection stood in time.' })),
    hop.connectTimeout,
  )
  const stop = () => clearTimeout(timer)
  outgoing.once('close', stop)
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) {
      stop()
      return
    }
    socket.once('connect', () => {
      try {
        checkAddress(socket.remoteAddress ?? '', hop.rules)
      } catch (error) {
        reject(error as Error)
        outgoing.destroy(error as Error)
      }
    })
    socket.once(secure ? 'secureConnect' : 'connect', stop)
  })
}

function readAnswer(
  incoming: IncomingMessage,
  { limit, cut }: HopRequest,
  resolve: (answer: HopAnswer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = []
  let size = 0
  const answer = (isCut: boolean) =>
    resolve({ status: incoming.statusCode!, headers: incoming.headers, body: Buffer.concat(chunks), cut: isCut })
  incoming.on('data', (chunk: Buffer) => {
    const room = limit - size
    size += chunk.length
    if (chunk.length <= room) {
      chunks.push(chunk)
      return
    }
    if (cut) {
      chunks.push(chunk.subarray(0, room))
      answer(true)
    } else reject(new MonoblocError('egress_too_large', { detail: `More than ${limit} bytes came.` }))
    incoming.removeAllListeners('data')
    incoming.destroy()
  })
  incoming.on('end', () => answer(false))
  incoming.on('error', reject)
  incoming.on('aborted', () => reject(new MonoblocError('egress_failed', { detail: 'The answer broke off.' })))
}
