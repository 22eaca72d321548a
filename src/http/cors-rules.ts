import type { IncomingHttpHeaders } from 'node:http'
import type { Answer } from './answer.ts'
import { type CorsOptions, CorsPolicy, type RouteCors } from './cors.ts'
import type { Exchange } from './exchange.ts'
import type { Route } from './route.ts'

/** Of an app in which at least one route says something of pages of other origins. */
export class CorsRules {
  readonly #usual: CorsOptions | undefined
  readonly #policy: CorsPolicy | undefined
  readonly #routes = new Map<Route, CorsPolicy | undefined>()

  /** @throws MonoblocError `definition_invalid` */
  constructor(usual: CorsOptions | undefined) {
    this.#usual = usual
    this.#policy = usual && new CorsPolicy(usual, 'backend({ cors })')
  }

  /** A route that says something else than its app. @throws MonoblocError `definition_invalid` */
  add(route: Route, cors: RouteCors): void {
    const options = { ...this.#usual, ...(cors || {}) } as CorsOptions
    this.#routes.set(
      route,
      cors === false ? undefined : new CorsPolicy(options, `endpoint("${route.label}", { cors })`),
    )
  }

  addTo(fields: string[], { request, route, app }: Exchange): void {
    this.#of(route)?.addTo(fields, request.headers.origin, app.log)
  }

  /**
   * The answer to a preflight (Fetch, 4.8): which of the methods that the path has this page may use. Browsers that ask
   * about a private network as well (a header field that they have given up) learn no more: they ask their user now.
   *
   * @param find the route of a method of this path
   */
  preflight(exchange: Exchange, methods: readonly string[], find: (method: string) => Route | undefined): Answer {
    const origin = exchange.request.headers.origin!
    const wanted = find(exchange.request.headers['access-control-request-method']!)
    // Its policy is the one by which the origin is named in this answer.
    exchange.route = wanted
    const policy = this.#of(wanted)
    const headers = ['allow', methods.join(', '), 'vary', 'Access-Control-Request-Method']
    const { log } = exchange.app
    if (policy?.allows(origin, log)) {
      const open = methods.filter((method) => method !== 'OPTIONS' && this.#of(find(method))?.allows(origin, log))
      headers.push('access-control-allow-methods', open.join(', '), ...policy.preflight)
    }
    return { status: 204, headers, body: null, tag: null }
  }

  #of(route: Route | undefined): CorsPolicy | undefined {
    return route && this.#routes.has(route) ? this.#routes.get(route) : this.#policy
  }
}

export function isPreflight(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}
