import { MonoblocError, type Violation } from '../errors.ts'
import type { ApiVersions, VersionOptions, VersionPlaces } from './version-types.ts'

export interface KnownVersion {
  readonly name: string
  readonly deprecated: Date | undefined
  readonly sunset: Date | undefined
  readonly link: string | undefined
}

/** Where versions are looked for, with every default filled in; undefined where they are not. */
export interface Places {
  /** What stands before the version: empty, or `/api`. */
  path: string | undefined
  query: string | undefined
  /** In lower case. */
  header: string | undefined
  accept: string | undefined
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const tokenPattern = /^[A-Za-z][A-Za-z0-9-]*$/

/** The versions of an API, the oldest first, as `backend({ versions })` says them. */
export class VersionList {
  readonly all: readonly KnownVersion[]
  readonly newest: KnownVersion
  /** That of a request that says none; null when it has to. */
  readonly usual: KnownVersion | null
  readonly places: Places
  /** The field that says which version an answer is, as it is written. */
  readonly headerName: string

  /** @throws MonoblocError `definition_invalid` */
  constructor({ known, by = { path: true, header: true }, default: usual }: ApiVersions) {
    this.all = known.map(knownVersion)
    const names = this.all.map(({ name }) => name)
    if (names.length === 0) throw invalid('known is empty: name at least one version')
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined) throw invalid(`"${twice}" is known twice`)
    this.newest = this.all.at(-1)!
    this.usual = usual === null ? null : usual === undefined ? this.newest : this.named(usual, 'default')
    this.places = placesOf(by)
    this.headerName = typeof by.header === 'string' ? by.header : 'API-Version'
  }

  find(name: string): KnownVersion | undefined {
    return this.all.find((version) => version.name === name)
  }

  /** @throws MonoblocError `definition_invalid` for a name that is not among the known ones */
  named(name: string, where: string): KnownVersion {
    const version = this.find(name)
    if (!version) throw invalid(`${where} names "${name}", which is not known: ${this.#names(this.all)}`)
    return version
  }

  indexOf(version: KnownVersion): number {
    return this.all.indexOf(version)
  }

  /** What to say to a request of a version that is not known. */
  violation(place: 'params' | 'query' | 'headers', parameter: string): Violation {
    const served = this.all.filter(({ sunset }) => !hasPassed(sunset))
    return { path: [place, parameter], code: 'unknown_version', message: `is one of ${this.#names(served)}` }
  }

  #names(versions: readonly KnownVersion[]): string {
    return versions.map(({ name }) => name).join(', ')
  }
}

export function hasPassed(instant: Date | undefined): boolean {
  return instant !== undefined && Date.now() >= instant.getTime()
}

function knownVersion(said: string | VersionOptions): KnownVersion {
  const { name, deprecated, sunset, link }: VersionOptions = typeof said === 'string' ? { name: said } : said
  if (!namePattern.test(name)) throw invalid(`"${name}" is no name of a version: use letters, digits, ".", "_" and "-"`)
  if (link !== undefined && !/^[!-~]+$/.test(link)) throw invalid(`${name}: link is no address`)
  const version = { name, deprecated: dateOf(name, deprecated), sunset: dateOf(name, sunset), link }
  // RFC 9745, 4: nobody could leave in time what was not deprecated before it ended.
  if (version.sunset && version.deprecated && version.sunset < version.deprecated)
    throw invalid(`${name}: sunset is before deprecated`)
  return version
}

function dateOf(name: string, given: string | Date | undefined): Date | undefined {
  if (given === undefined) return undefined
  const date = new Date(given)
  if (Number.isNaN(date.getTime())) throw invalid(`${name}: "${given}" is no date such as 2026-03-01`)
  return date
}

function placesOf({ path, query, header, accept }: VersionPlaces): Places {
  const prefix = path === true ? '' : path ? path.replace(/\/$/, '') : undefined
  const name = (said: boolean | string | undefined, usual: string) => (said === true ? usual : said || undefined)
  const places = {
    path: prefix,
    query: name(query, 'version'),
    header: name(header, 'api-version')?.toLowerCase(),
    accept: name(accept, 'version'),
  }
  if (Object.values(places).every((place) => place === undefined)) throw invalid('by names no place')
  for (const token of [places.header, places.accept])
    if (token !== undefined && !tokenPattern.test(token)) throw invalid(`by: "${token}" can't be the name of a field`)
  return places
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: 'versions', detail: `versions: ${detail}.` })
}
