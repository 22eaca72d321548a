import type { IncomingMessage, ServerResponse } from 'node:http'
import { MonoblocError } from '../errors.ts'
import type { HttpApp } from './app.ts'
import type { Endpoint } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { exchangeFor } from './exchange-through.ts'
import type { Done } from './middleware-chain.ts'
import { withoutMarks } from './version-answer.ts'
import { endpointsAt } from './version-endpoint.ts'
import { addVersionFields, versionFields } from './version-fields.ts'
import { hasPassed, type KnownVersion, type VersionList } from './version-list.ts'
import { type Asked, versionAsked, versionMissing } from './version-resolve.ts'

/**
 * Every version of an API as an app of its own, with its own routes, of which a request is given to one: what a version
 * costs is paid by who asks for it, and the newest is served as if it were the only one.
 */
export class VersionApps {
  readonly #list: VersionList
  readonly #apps = new Map<KnownVersion, HttpApp>()
  /** What is served to a request that says no version where it must. */
  readonly #unversioned: HttpApp | undefined

  /**
   * @param newest the app of the newest version, and `make` another like it: both without routes
   * @throws MonoblocError `definition_invalid`
   */
  constructor(
    list: VersionList,
    { routes, newest, make }: { routes: readonly Endpoint[]; newest: HttpApp; make: () => HttpApp },
  ) {
    this.#list = list
    for (const version of list.all) {
      const own = endpointsAt(routes, list, version)
      const addressed = this.#addressed(own, version)
      const app = version === list.newest ? newest : make()
      app.edition = version.name
      for (const endpoint of [...own, ...addressed]) app.add(endpoint)
      this.#apps.set(version, app)
    }
    if (list.usual) return
    this.#unversioned = make()
    for (const endpoint of endpointsAt(routes, list, list.newest).filter(isUnversioned)) this.#unversioned.add(endpoint)
  }

  get all(): HttpApp[] {
    return [...this.#apps.values(), ...(this.#unversioned ? [this.#unversioned] : [])]
  }

  /** @param next as `exchangeFor` takes it */
  start(request: IncomingMessage, response: ServerResponse, next?: Done | null): void {
    let asked: Asked
    try {
      asked = versionAsked(this.#list, request)
    } catch (error) {
      const exchange = exchangeFor(this.#apps.get(this.#list.newest)!, request, response, next)
      if (isElsewhere(exchange, request.url!, next) && isNotFound(error)) exchange.start()
      else exchange.fail(error)
      return
    }
    const { version, target } = asked
    const app = version ? this.#apps.get(version)! : this.#unversioned!
    const own = versionFields(this.#list, asked)
    if (own.length > 0) addVersionFields(response, this.#list, asked, own)
    request.url = target
    const { headers } = request
    if (headers['if-match'] !== undefined && !safe.has(request.method!))
      headers['if-match'] = withoutMarks(headers['if-match'])
    const exchange = exchangeFor(app, request, response, next)
    if (version && hasPassed(version.sunset)) exchange.fail(this.#gone(version))
    else if (!version && app.allowed(pathIn(target)).length === 0 && !isElsewhere(exchange, target, next))
      exchange.fail(versionMissing(this.#list))
    else exchange.start()
  }

  /** The same endpoints under the address of their version. */
  #addressed(endpoints: readonly Endpoint[], version: KnownVersion): Endpoint[] {
    const prefix = this.#list.places.path
    if (prefix === undefined) return []
    return endpoints.flatMap((endpoint) => {
      const { path, at, options } = endpoint
      const sameEverywhere = at ? at(version) === endpoint : options.reference === false
      if (sameEverywhere || !path.startsWith(prefix)) return []
      const own = `${prefix}/${version.name}`
      return { ...endpoint, path: own + path.slice(prefix.length), addressed: [own, prefix] as const }
    })
  }

  #gone({ name }: KnownVersion): MonoblocError {
    return new MonoblocError('version_gone', {
      subject: name,
      violations: [this.#list.violation('headers', this.#list.headerName)],
    })
  }
}

/** What has no route here may have one in a mounted app, or in the server around us. */
function isElsewhere({ app }: Exchange, target: string, next: Done | null | undefined): boolean {
  return Boolean(next) || (app.stack?.mounts.has(target) ?? false)
}

function isNotFound(error: unknown): boolean {
  return error instanceof MonoblocError && error.code === 'not_found'
}

const safe = new Set(['GET', 'HEAD', 'QUERY'])

/** What is no part of the API: pages, probes and the reference have no versions, unless they know some themselves. */
function isUnversioned({ options, at }: Endpoint): boolean {
  return at !== undefined || options.reference === false
}

function pathIn(target: string): string {
  const end = target.indexOf('?')
  return end < 0 ? target : target.slice(0, end)
}
