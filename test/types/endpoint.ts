import { z } from 'zod'
import { JsonText } from '../../src/http/answer.ts'
import { createEndpoint } from '../../src/http/endpoint.ts'
import { file, form } from '../../src/http/form.ts'
import type { UploadedFile } from '../../src/http/form-file.ts'
import { eventStream, ndjson } from '../../src/http/returns-stream.ts'
import { model, t } from '../../src/schema/index.ts'

const Article = model('article', { id: t.id(), title: t.text(), at: t.createdAt() })
interface User {
  id: string
  name: string
}
interface Tools {
  db: { count(): number; find(): { id: string; title: string; at: Date }[] }
}
const endpoint = createEndpoint<Tools, User>()

endpoint('GET /articles/:slug/comments/:id', {
  handle({ params, user, db }) {
    params satisfies { slug: string; id: string }
    // @ts-expect-error no such parameter
    params.other
    user.name satisfies string
    db.count() satisfies number
    return { any: 1 }
  },
})

endpoint('GET /files/*', { handle: ({ params }) => params['*'] satisfies string })

endpoint('GET /articles/:id', {
  anyone: true,
  params: z.object({ id: z.coerce.number() }),
  query: z.object({ limit: z.coerce.number().default(20) }),
  returns: Article,
  handle({ params, query, user, db }) {
    params.id satisfies number
    query.limit satisfies number
    // @ts-expect-error anyone may be nobody
    user.name
    return db.find()[0]!
  },
})

endpoint('POST /articles', {
  body: Article.input('title'),
  returns: { 201: Article, 204: null },
  prepare({ body }) {
    return Promise.resolve({ hash: body.title })
  },
  handle({ body, prepared, reply, db }) {
    prepared.hash satisfies string
    body.title satisfies string
    // @ts-expect-error not an input
    body.id
    reply.created('/articles/1')
    return db.find()[0]!
  },
})

endpoint('GET /articles', { returns: [Article], handle: ({ db }) => db.find() })
endpoint('GET /raw', { returns: [Article], handle: () => new JsonText('[]') })

endpoint('GET /instants', {
  returns: z.object({ at: z.iso.datetime(), kind: z.enum(['a', 'b']) }),
  handle: () => ({ at: new Date(), kind: 'a' as const }),
})

endpoint('GET /wrong', {
  returns: z.object({ count: z.number() }),
  // @ts-expect-error a text is no number
  handle: () => ({ count: 'one' }),
})

// @ts-expect-error a forgotten return
endpoint('GET /forgotten', { returns: Article, handle() {} })

// @ts-expect-error not a method
endpoint('FETCH /articles', { handle: () => null })

const open = createEndpoint<Tools, null>()
open('GET /', { handle: ({ user }) => user satisfies null })

endpoint('POST /photos', {
  body: form({
    title: z.string(),
    photo: file({ maxSize: 1000 }),
    more: file({ max: 3 }),
    note: file({ optional: true }),
  }),
  handle({ body }) {
    body.title satisfies string
    body.photo satisfies UploadedFile
    body.more satisfies UploadedFile[]
    body.note satisfies UploadedFile | undefined
    // @ts-expect-error it may be missing
    body.note.name
    // @ts-expect-error no such field
    body.other
    return body.photo.keep('photos')
  },
})

endpoint('GET /events', {
  returns: { 200: eventStream(z.object({ n: z.number() })), 204: null },
  async *handle({ lastEventId }) {
    lastEventId satisfies string | null
    yield { id: '1', data: { n: 1 } }
  },
})
endpoint('GET /events', {
  returns: eventStream(Article),
  // @ts-expect-error data must be an article
  async *handle() {
    yield { data: { n: 'one' } }
  },
})
endpoint('GET /lines', {
  returns: ndjson(z.string()),
  async *handle() {
    yield 'one'
  },
})
// @ts-expect-error a list is no stream
endpoint('GET /lines', { returns: ndjson(z.string()), handle: () => ['one'] })

endpoint('POST /people', {
  body: z.object({ first: z.string(), last: z.string() }),
  changes: {
    v2: {
      note: 'the name is split',
      body: z.object({ name: z.string() }),
      request({ name }) {
        name satisfies string
        // @ts-expect-error no such field
        name.first
        return { first: name, last: name }
      },
    },
    v3: { note: 'any body', request: (body) => body.whatever },
    // @ts-expect-error a change has a note
    v4: {},
  },
  handle: ({ body }) => body.first satisfies string,
})
