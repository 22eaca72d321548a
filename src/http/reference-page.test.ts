import { expect, test } from 'vitest'
import { z } from 'zod'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import { openApiDocument } from './openapi.ts'
import { exampleOf } from './reference-example.ts'
import { referencePage } from './reference-page.ts'

const endpoint = createEndpoint<unknown, null>()
const documentOf = (...endpoints: Endpoint<any, any, any, any, any>[]) =>
  openApiDocument({ name: '<b>app</b>', endpoints, schemes: undefined, bodyLimit: 1024 })

test('nothing of an app becomes markup', () => {
  const page = referencePage(
    documentOf(
      endpoint('POST /a"onx', {
        summary: '<script>1</script>',
        description: '</div><img src=x>',
        query: z.object({ '<i>': z.string().default('"><i>').describe('<u>') }),
        body: z.object({ '<p>': z.string().default("'</textarea>") }),
        handle: () => 1,
      }),
    ),
  )
  expect(page).not.toMatch(/<script>|<img|<i>|<u>|<p>"|"onx"|'<\/textarea>/)
  expect(page.match(/<script/g)).toHaveLength(1)
  expect(page).toContain('&lt;b&gt;app&lt;/b&gt;')
})

test('a schema that contains itself is shown and ends', () => {
  const Tree = z.object({
    name: z.string(),
    get children() {
      return z.array(Tree)
    },
  })
  const document = documentOf(endpoint('POST /trees', { body: Tree, returns: Tree, handle: ({ body }) => body }))
  expect(referencePage(document)).toContain('href="#schema-')
  const { requestBody } = document.paths['/trees']!.post as { requestBody: { content: Record<string, any> } }
  const example = exampleOf(requestBody.content['application/json'].schema, document)
  expect(JSON.stringify(example).length).toBeLessThan(500)
})

test('nothing but its own two files is loaded', () => {
  const page = referencePage(documentOf(endpoint('GET /a', { handle: () => 1 })))
  expect([...page.matchAll(/(?:src|href)="([^#"][^"]*)"/g)].map(([, address]) => address)).toEqual([
    'data:,',
    '/docs/reference.css',
    '/docs/reference.js',
    '/openapi.json',
  ])
})
