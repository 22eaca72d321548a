import { readFileSync } from 'node:fs'
import { JsonText } from './answer.ts'
import { contentTag } from './conditional.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import type { Reply } from './endpoint-types.ts'
import type { DocumentOptions } from './openapi.ts'

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
 * when they are first asked for, so that a start does not wait for them.
 */
export function referenceEndpoints(options: DocumentOptions): Endpoint[] {
  let made: Promise<Reference> | undefined
  const reference = () => (made ??= makeReference(options))
  // What tries operations out may only ask the servers that are named, and nothing is run that is not a file of ours.
  const servers = (options.servers ?? []).filter((url) => URL.canParse(url)).map((url) => new URL(url).origin)
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src ${["'self'", ...servers].join(' ')}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
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
        reply.header('content-security-policy', policy).header('referrer-policy', 'no-referrer')
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
