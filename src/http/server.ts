import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { type ErrorCode, MonoblocError } from '../errors.ts'
import { Diagnostics, type Logger, nextRequestId, silentLogger } from '../observe/index.ts'
import type { HeaderOptions } from './answer-fields.ts'
import { HttpApp } from './app.ts'
import type { CorsOptions } from './cors.ts'
import type { Endpoint } from './endpoint.ts'
import { Exchange } from './exchange.ts'
import { exchangeFor } from './exchange-through.ts'
import { isReceivingForm } from './form-read.ts'
import type { HttpHost } from './host.ts'
import { closeIdleConnections } from './idle-connections.ts'
import { defaultLimits, type HttpLimits } from './limits.ts'
import { problemType } from './media-type.ts'
import type { Done } from './middleware-chain.ts'
import { type Around, stackOf } from './middleware-stack.ts'
import type { MountOptions } from './mount.ts'
import { type ErrorMapper, problemOf } from './problem.ts'
import { requestUnread } from './request-log.ts'
import { StreamRegistry } from './stream-registry.ts'
import { UploadFolder } from './upload-folder.ts'
import { VersionApps } from './version-apps.ts'
import type { VersionList } from './version-list.ts'

export interface HttpServerOptions {
  limits?: Partial<HttpLimits>
  log?: Logger
  diagnostics?: Diagnostics
  /** An app's own form of errors. */
  errors?: ErrorMapper
  /** Problems of 500 and more show their cause. Default: no. */
  development?: boolean
  /** Header fields of every answer. */
  headers?: HeaderOptions
  cors?: CorsOptions
  /** Whether answers are compressed. Default: where no secret can be guessed by it. */
  compress?: boolean
  /** Registers Fastify plugins, whose onRequest hooks then run before every request, and routes of Fastify's own. */
  extend?: (fastify: FastifyInstance) => void | Promise<void>
  /** Where files of forms are while their request is under way. Default: a folder of the system's for such. */
  uploads?: UploadFolder
  /** The versions of the API; without, it has one. */
  versions?: VersionList
  /** The app's own middleware and hooks. */
  around?: Around
  mount?: MountOptions
}

export interface HttpServer {
  readonly fastify: FastifyInstance
  /** Listens. Port 0 is any free one. Resolves to the address. */
  listen(options: { port: number; host?: string }): Promise<{ port: number; host: string; url: string }>
  /** Stops accepting, closes idle connections, and resolves when the last request is answered. May be called twice. */
  close(): Promise<void>
  /** Ends streams that have no end of their own: the first thing to do when the server is to stop. */
  endStreams(): void
  /** Ends every connection at once, for what `close` waits for too long. */
  closeConnections(): void
  /** Answers one request of another server, as Express or a test has it. `next`: for what no route is found for. */
  handle(request: http.IncomingMessage, response: http.ServerResponse, next?: Done | null): void
  /** Every route: method and declared path. */
  routes(): { method: string; path: string; endpoint: Endpoint }[]
}

/**
 * The HTTP server of a backend, on Fastify: it owns the socket, the lifecycle and the plugins. Requests go straight from
 * Node to our own pipeline; only where `extend` puts plugins in front do they pass through Fastify first. Either way the
 * same pipeline with the same router answers them.
 *
 * @throws MonoblocError `definition_invalid` for routes that are declared twice or can't be served
 */
export function createHttpServer({
  routes,
  host,
  options = {},
}: {
  routes: readonly Endpoint[]
  host: HttpHost<any>
  options?: HttpServerOptions
}): HttpServer {
  const stack = stackOf(options.around ?? {}, options.mount ?? {}, routes)
  const limits = { ...defaultLimits, ...(stack?.mounts.size && mountLimits), ...options.limits }
  const streams = new StreamRegistry(limits)
  const uploads = options.uploads ?? new UploadFolder(path.join(tmpdir(), 'monobloc'))
  const cors = corsWith(options)
  const make = () =>
    new HttpApp({
      host,
      limits,
      streams,
      uploads,
      log: options.log ?? silentLogger,
      diagnostics: options.diagnostics ?? new Diagnostics(),
      errors: options.errors,
      expose: options.development ?? false,
      headers: options.headers,
      cors,
      compress: options.compress,
      stack,
      shared: options.extend !== undefined || options.versions !== undefined,
    })
  const app = make()
  const versions = options.versions && new VersionApps(options.versions, { routes, newest: app, make })
  if (!versions) for (const endpoint of routes) app.add(endpoint)
  const begin = (request: http.IncomingMessage, response: http.ServerResponse, next?: Done | null): void =>
    versions ? versions.start(request, response, next) : exchangeFor(app, request, response, next).start()
  const handle: http.RequestListener = (request, response) => begin(request, response)
  const arriving = arrivals(app)
  const servers: http.Server[] = []
  const fastify = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: limits.target },
    // Fastify would answer these itself, in its own form: the first are `refuse`d.
    clientErrorHandler() {},
    frameworkErrors: (_error, request, reply) => {
      reply.hijack()
      handle(request.raw, reply.raw)
    },
    serverFactory(throughFastify) {
      const straight = stack || versions ? handle : arriving.handle
      const server = listenerFor(app, options.extend ? throughFastify : straight, !stack && !options.extend)
      arriving.count(server)
      servers.push(server)
      return server
    },
  }) as unknown as FastifyInstance
  if (options.extend) mount(fastify, options.extend, app, handle)
  return {
    fastify,
    async listen({ port, host: name = '127.0.0.1' }) {
      await fastify.listen({ port, host: name })
      const address = fastify.server.address() as AddressInfo
      const shown = name === '0.0.0.0' || name === '::' ? 'localhost' : name.includes(':') ? `[${name}]` : name
      return { port: address.port, host: address.address, url: `http://${shown}:${address.port}` }
    },
    async close() {
      for (const one of versions?.all ?? [app]) one.drain()
      streams.close()
      await fastify.close()
    },
    endStreams: () => streams.close(),
    closeConnections() {
      for (const server of servers) server.closeAllConnections()
    },
    handle: (request, response, next = null) => begin(request, response, next),
    routes: () => app.tree.all.map(({ method, path, value }) => ({ method, path, endpoint: value.endpoint })),
  }
}

/** Pages say the version of an API, and read which one they got, in a header field that its app has named. */
function corsWith({ cors, versions }: HttpServerOptions): CorsOptions | undefined {
  if (!cors || !versions) return cors
  const { headerName } = versions
  return { ...cors, headers: [...(cors.headers ?? []), headerName], exposed: [...(cors.exposed ?? []), headerName] }
}

// libuv looks again within one round of the event loop when so many descriptors have something at once that they fill its
// list of 1,024; what it finds then may have been sent after the round began.
const mostInRound = 900

/** Answers what Node's parser itself brings, with nothing between: it has just arrived. */
function arrivals(app: HttpApp): { handle: http.RequestListener; count(server: http.Server): void } {
  let connections = 0
  return {
    handle: (request, response) => {
      const arriving = connections <= mostInRound
      const { kept } = app
      if (kept !== undefined) {
        // What was waited for has come later than the round in which the request arrived.
        const goOn = (error?: unknown) => {
          const exchange = new Exchange(app, request, response)
          if (error === undefined) exchange.start()
          else exchange.fail(error)
        }
        if (kept.answerAtOnce(request, response, arriving, goOn)) return
      }
      new Exchange(app, request, response, arriving).start()
    },
    count(server) {
      server.on('connection', (socket) => {
        connections++
        socket.once('close', () => connections--)
      })
    },
  }
}

/** Puts our pipeline behind Fastify's hooks: what no route of a plugin takes is ours, before Fastify reads the body. */
function mount(
  fastify: FastifyInstance,
  extend: NonNullable<HttpServerOptions['extend']>,
  app: HttpApp,
  handle: http.RequestListener,
): void {
  // Methods that Fastify does not know would get its own 404. CONNECT never becomes a request.
  for (const method of http.METHODS) {
    if (method !== 'CONNECT' && !fastify.supportedMethods.includes(method))
      fastify.addHttpMethod(method, { hasBody: true })
  }
  fastify.setErrorHandler((error, request, reply) => {
    takeOver(reply)
    new Exchange(app, request.raw, reply.raw).fail(error)
  })
  fastify.register(async () => {
    await extend(fastify)
    fastify.route({
      method: [...fastify.supportedMethods],
      url: '*',
      onRequest: (request, reply) => {
        takeOver(reply)
        handle(request.raw, reply.raw)
      },
      handler() {},
    })
  })
}

/** The request, taken out of Fastify's hands with the header fields that its plugins have set. */
function takeOver(reply: FastifyReply): void {
  const fields = Object.entries(reply.getHeaders())
  reply.hijack()
  for (const [name, value] of fields) if (value !== undefined) reply.raw.setHeader(name, value)
}

// Node's own, for mounted apps: an upload over a slow line takes minutes.
const mountLimits = { requestTimeout: 300_000 }
const nodeHeaderFields = 2000

/** @param isOurs nobody but our pipeline reads requests */
function listenerFor(app: HttpApp, listener: http.RequestListener, isOurs: boolean): http.Server {
  const { limits } = app
  const server = http.createServer(
    {
      // Node refuses at this count, not beyond it.
      maxHeaderSize: limits.header + 1,
      headersTimeout: Math.min(limits.headerTimeout, limits.requestTimeout),
      requestTimeout: limits.requestTimeout,
      // Off: see idle-connections.ts.
      keepAliveTimeout: 0,
      // How late a timeout may be noticed: Node's 30 s would make a limit of 10 s one of 40.
      connectionsCheckingInterval: Math.min(1000, limits.headerTimeout, limits.requestTimeout),
      // A request without a body is a stream that has ended, of which Node then makes no events: 4 % of a read by key. Plugins
      // and middleware may wait for them.
      optimizeEmptyRequests: isOurs,
      // Answered by us, as a problem.
      requireHostHeader: false,
    },
    listener,
  )
  closeIdleConnections(server, limits.keepAlive, limits.streamStall)
  // Node drops what is beyond this count without a word: one more than allowed shows that there were too many.
  server.maxHeadersCount = Math.max(limits.headerFields + 1, app.stack?.mounts.size ? nodeHeaderFields : 0)
  // An expectation that we don't know is none of ours to fail for (RFC 9110, 10.1.1, lets us).
  server.on('checkExpectation', listener)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuse(app, error, socket))
  return server
}

const codesOfParser: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** Answers a connection from which no request could be read, and ends it: what follows on it can't be trusted. */
function refuse(app: HttpApp, reason: NodeJS.ErrnoException, socket: Socket): void {
  if (reason.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isReceivingForm(socket)) return
  if (reason.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const error = new MonoblocError(codesOfParser[reason.code ?? ''] ?? 'malformed_request', { cause: reason })
  if (app.diagnostics.on(requestUnread)) {
    app.diagnostics.emit(requestUnread, { code: error.code, reason: reason.message, address: socket.remoteAddress })
  }
  // An answer that has begun on this connection can only be broken off.
  const answer = (socket as Socket & { _httpMessage?: http.ServerResponse })._httpMessage
  if (answer?.headersSent && !answer.writableEnded) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(problemOf(error, nextRequestId(), false))
  const head = `HTTP/1.1 ${error.status} ${http.STATUS_CODES[error.status]}\r\ncontent-type: ${problemType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
