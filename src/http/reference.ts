import { readFileSync } from 'node:fs'
import { MonoblocError } from '../errors.ts'
import { JsonText } from './answer.ts'
import { contentTag } from './conditional.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import type { Reply } from './endpoint-types.ts'
import type { DocumentOptions, OpenApiDocument } from './openapi.ts'
import { documentOf } from './openapi-version.ts'
import { sayOwnPage } from './own-page.ts'
import type { KnownVersion, VersionList } from './version-list.ts'

const endpoint = createEndpoint<unknown, null>()

/** One text that is served as it is. */
interface Page {
  text: string
  tag: string
  type: string
}

interface Reference {
  document: Page
  page: Page
}

/**
 * `GET /openapi.json`, and at `/docs` the same for people: one page that asks no other host for anything. Both are made
 * when they are first asked for, so that a start does not wait for them. Each version of an API has its own.
 */
export function referenceEndpoints(options: DocumentOptions, versions?: VersionList): Endpoint[] {
  if (!versions) return pagesOf(options)
  const all = new Map(versions.all.map((version) => [version, pagesOf(documentOf(options, versions, version))]))
  const at = (version: KnownVersion, place: number): Endpoint => ({
    ...all.get(version)![place]!,
    at: (other) => at(other, place),
  })
  return all.get(versions.newest)!.map((_, place) => at(versions.newest, place))
}

function pagesOf(options: DocumentOptions): Endpoint[] {
  let made: Promise<Reference> | undefined
  const reference = () => (made ??= makeReference(options))
  // What tries operations out may only ask the servers that are named, and nothing is run that is not a file of ours.
  const servers = (options.servers ?? []).filter((url) => URL.canParse(url)).map((url) => new URL(url).origin)
  const sources = `script-src 'self'; style-src 'self'; img-src data:; connect-src ${["'self'", ...servers].join(' ')}`
  return [
    endpoint('GET /openapi.json', {
      ...open,
      async handle() {
        const { document } = await reference()
        return new JsonText(document.text, document.tag)
      },
    }),
    endpoint('GET /docs', {
      ...open,
      async handle({ reply }) {
        const { page } = await reference()
        sayOwnPage(reply, sources)
        return send(reply, page)
      },
    }),
    asset('GET /docs/reference.css', new URL('./reference.css', import.meta.url), 'text/css'),
    asset('GET /docs/reference.js', new URL('./reference.js', import.meta.url), 'text/javascript'),
  ]
}

const open = { anyone: true, transaction: false, reference: false } as const

function asset(route: `GET /${string}`, file: URL, type: string): Endpoint {
  let page: Page | undefined
  return endpoint(route, {
    ...open,
    handle: ({ reply }) => send(reply, (page ??= pageOf(readFileSync(file, 'utf8'), type))),
  })
}

/**
 * The document alone, of the newest version or of another.
 *
 * @throws MonoblocError `definition_invalid` for a version that is not known
 */
export async function openApiDocumentOf(
  options: DocumentOptions,
  versions: VersionList | undefined,
  name: string | undefined,
): Promise<OpenApiDocument> {
  const { openApiDocument } = await import('./openapi.ts')
  if (!versions) {
    if (name !== undefined) throw new MonoblocError('definition_invalid', { detail: 'This API has no versions.' })
    return openApiDocument(options)
  }
  const version = name === undefined ? versions.newest : versions.named(name, 'the question')
  return openApiDocument(documentOf(options, versions, version))
}

async function makeReference(options: DocumentOptions): Promise<Reference> {
  const [{ openApiDocument }, { referencePage }] = await Promise.all([
    import('./openapi.ts'),
    import('./reference-page.ts'),
  ])
  const document = openApiDocument(options)
  return {
    document: pageOf(JSON.stringify(document), 'application/json'),
    page: pageOf(referencePage(document), 'text/html'),
  }
}

function pageOf(text: string, type: string): Page {
  return { text, tag: contentTag(text), type: `${type}; charset=utf-8` }
}

function send(reply: Reply, { text, tag, type }: Page): string {
  reply.header('content-type', type).header('etag', `"${tag}"`)
  return text
}
