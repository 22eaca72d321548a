import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import conduit from '../../examples/conduit/app.ts'
import { conduitSecured, conduitSpecification } from './conduit-specification.ts'
import { openApiErrors, spectralFindings } from './openapi-check.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'conduit-openapi-'))
let url: string
let text: string
let document: any

beforeAll(async () => {
  const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }
  url = (await conduit.start({ port: 0, folder, environment })).url
  text = await (await fetch(`${url}/openapi.json`)).text()
  document = JSON.parse(text)
})
afterAll(async () => {
  await conduit.stop()
  rmSync(folder, { recursive: true })
})

/** What the example adds to the specification. */
const added = /^[A-Z-]+ \/(notifications|digests|jobs)/

/** Every operation of the specification without `/api` in front: `GET /articles` → operation. */
function operations(): Map<string, any> {
  const entries = Object.entries<any>(document.paths).flatMap(([template, item]) =>
    Object.entries(item).map(([method, operation]) => [
      `${method.toUpperCase()} ${template.replace(/^\/api/, '')}`,
      operation,
    ]),
  )
  return new Map((entries as [string, any][]).filter(([name]) => !added.test(name)))
}

test("Conduit's document is the one that was agreed on", async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('./conduit-openapi.json')
})

test('it is valid OpenAPI 3.1, and Spectral finds nothing in it', async () => {
  expect(await openApiErrors(document)).toEqual([])
  expect(spectralFindings(document)).toEqual([])
})

test('it has the operations of the specification and no others', () => {
  expect([...operations().keys()].sort()).toEqual(Object.keys(conduitSpecification).sort())
})

test.each(Object.entries(conduitSpecification))('%s answers with what the specification has: %j', (name, statuses) => {
  const described = Object.keys(operations().get(name)!.responses)
  // 422 is any other error there.
  const wanted = statuses.map((status) => (status === 422 && !described.includes('422') ? 'default' : String(status)))
  expect(described).toEqual(expect.arrayContaining(wanted))
})

test('it asks for an identity where the specification does', () => {
  const needed = [...operations()].filter(([, { security }]) => security.every((one: object) => 'bearer' in one))
  expect(needed.map(([name]) => name).sort()).toEqual(conduitSecured.toSorted())
})

test('it claims no problem details: errors have the form that the app gives them', () => {
  expect(text).not.toContain('problem+json')
  const { content } = document.components.responses.Unauthorized
  expect(content['application/json'].examples.invalid_token.value).toEqual({ errors: { token: ['is missing'] } })
})

/** What the running app answers to a request, held to what the document says of that answer. */
async function answersAsDescribed(request: string, options: { token?: string; body?: unknown } = {}): Promise<any> {
  const [method, address] = request.split(' ') as [string, string]
  const response = await fetch(`${url}/api${address}`, {
    method,
    headers: { 'content-type': 'application/json', ...(options.token && { authorization: `Bearer ${options.token}` }) },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
  })
  const pathname = address.split('?')[0]!
  const [, operation] = [...operations()].find(([name]) => {
    const pattern = name.replace(/\{[^}]*\}/g, '[^/]+')
    return new RegExp(`^${pattern}$`).test(`${method} ${pathname}`)
  })!
  const said = operation.responses[response.status] ?? operation.responses.default
  const described = said.$ref ? document.components.responses[said.$ref.split('/').at(-1)] : said
  const media = described.content[response.headers.get('content-type')!]
  const answer = await response.json()
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'document', components: document.components })
  const schema = JSON.parse(JSON.stringify(media.schema).replaceAll('"#/components', '"document#/components'))
  expect(ajv.validate(schema, answer), ajv.errorsText()).toBe(true)
  return answer
}

test('what the app answers is what the document says', async () => {
  const { user } = await answersAsDescribed('POST /users/login', {
    body: { user: { email: 'ada@example.com', password: 'password' } },
  })
  const { articles } = await answersAsDescribed('GET /articles?limit=3')
  const { slug } = articles[0]
  await answersAsDescribed(`GET /articles/${slug}`)
  await answersAsDescribed(`GET /articles/${articles[1].slug}/comments`)
  await answersAsDescribed('GET /profiles/ada', { token: user.token })
  await answersAsDescribed('GET /tags')
  await answersAsDescribed('GET /articles/feed', { token: user.token })
  await answersAsDescribed('GET /articles/nowhere')
  await answersAsDescribed('GET /articles?limit=x')
  await answersAsDescribed('POST /articles', { body: {} })
  await answersAsDescribed('POST /articles', { token: user.token, body: { article: { title: '' } } })
})

test('it is sent with an entity tag, and again only when it has changed', async () => {
  const first = await fetch(`${url}/openapi.json`)
  expect(first.headers.get('content-type')).toBe('application/json')
  const tag = first.headers.get('etag')!
  expect(tag).toMatch(/^"[\w-]{22}--\w+"$/)
  expect((await fetch(`${url}/openapi.json`, { headers: { 'if-none-match': tag } })).status).toBe(304)
})

test('the first page shows the address that it was opened at, and links that answer', async () => {
  const response = await fetch(url)
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  const page = await response.text()
  expect(page).toContain(`curl -s http://${new URL(url).host}/api/users/login`)
  const links = [...page.matchAll(/<a href="([^"]+)"/g)].map(([, link]) => link!.replaceAll('&amp;', '&'))
  expect(links.length).toBeGreaterThan(8)
  const refused = ['/api/articles?limit=1000', '/api/articles/nowhere']
  for (const link of links) {
    const { status } = await fetch(url + link)
    expect([link, status < 400]).toEqual([link, !refused.includes(link)])
  }
})
