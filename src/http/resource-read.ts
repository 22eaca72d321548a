import { z } from 'zod'
import { ScopedDb, WireFilter } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { StandardSchemaV1 } from '../schema/index.ts'
import { chain, type JsonPage, type MaybePromise } from '../storage/index.ts'
import { JsonText } from './answer.ts'
import type { Endpoint } from './endpoint.ts'
import type { Reply } from './endpoint-types.ts'
import type { ParameterDetails } from './openapi-details.ts'
import { filterParameters, type ResourceEndpoint } from './resource-details.ts'
import { keyFromPath, keyPath } from './resource-key.ts'
import { type Askable, type ListQuery, readListQuery, readRowQuery } from './resource-query.ts'
import { countsVersions, shapedTag } from './resource-tag.ts'

interface ReadContext {
  db: unknown
  params: Record<string, string>
  query: Record<string, string | string[]>
  body: z.output<typeof queryBody>
  reply: Reply
}

/** `GET /articles`: a page of rows as a JSON array, the next one in `Link`. */
export function listEndpoint(make: ResourceEndpoint, askable: Askable, at: string): Endpoint {
  return make(`GET ${at}`, {
    summary: `List ${askable.model.name} rows`,
    operation: 'list',
    returns: [askable.model],
    openapi: {
      parameters: [...filterParameters(askable), 'If-None-Match'],
      headers: { 200: ['ETag', 'Link'] },
      errors: ['invalid_query', 'invalid_cursor', 'forbidden'],
    },
    handle({ db, query, reply }: ReadContext) {
      const asked = readListQuery(askable, query)
      return chain(page(db, askable, asked), ({ json, next }) => {
        if (next !== null) reply.header('link', linkTo(at, query, next))
        return new JsonText(json)
      })
    },
  })
}

// What `WireFilter` and `readListQuery` check is only passed through here.
const queryBody = z.strictObject({
  where: z.record(z.string(), z.unknown()).optional(),
  sort: z.union([z.string(), z.array(z.string()).max(10)]).optional(),
  limit: z.int().optional(),
  after: z.string().optional(),
  fields: z.array(z.string()).max(100).optional(),
  include: z.array(z.string()).max(20).optional(),
  search: z.string().optional(),
})

/**
 * `QUERY /articles` (RFC 10008): the same with a filter as JSON, of any length and with `and`, `or`, `not`. The Link to the
 * next page is followed with the same method and body.
 */
export function queryEndpoint(make: ResourceEndpoint, askable: Askable, at: string): Endpoint {
  return make(`QUERY ${at}`, {
    summary: `Query ${askable.model.name} rows by a filter in JSON`,
    operation: 'query',
    body: queryBody as StandardSchemaV1,
    returns: [askable.model],
    openapi: {
      parameters: [cursorParameter],
      headers: { 200: ['ETag', 'Link'] },
      errors: ['invalid_query', 'invalid_filter', 'invalid_cursor', 'forbidden'],
    },
    handle({ db, body, query, reply }: ReadContext) {
      const name = Object.keys(query).find((given) => given !== 'after')
      if (name !== undefined) throw unknownParameter(name)
      const asked = readListQuery(askable, { ...asParameters(body), ...query })
      if (body.where) asked.where = new WireFilter(body.where)
      if (asked.after?.startsWith(ofQuery)) asked.after = asked.after.slice(ofQuery.length)
      return chain(page(db, askable, asked), ({ json, next }) => {
        if (next !== null) reply.header('link', `<${at}?after=${ofQuery}${next}>; rel="next"`)
        return new JsonText(json)
      })
    },
  })
}

// A Link says no method. Who follows that of a QUERY by GET would get rows that no filter has passed; with this before it,
// the cursor is none to a GET, which refuses it.
const ofQuery = 'q'

const cursorParameter: ParameterDetails = {
  name: 'after',
  in: 'query',
  schema: { type: 'string' },
  description:
    'The cursor of the next page: the Link of a page is followed by QUERY with the same body. Goes before that of the body',
}

/** `GET /articles/:id`. */
export function readEndpoint(make: ResourceEndpoint, askable: Askable, at: string): Endpoint {
  const { model } = askable
  const counted = countsVersions(model)
  return make(`GET ${at}${keyPath(model)}`, {
    summary: `Read one ${model.name}`,
    operation: 'read',
    returns: model,
    openapi: {
      parameters: [
        'If-None-Match',
        ...filterParameters(askable).filter(({ name }) => name === 'fields' || name === 'include'),
      ],
      headers: { 200: ['ETag'] },
      errors: ['invalid_query', 'forbidden'],
    },
    handle({ db, params, query }: ReadContext): MaybePromise<JsonText> {
      const key = keyFromPath(model, params)
      const plain = isEmpty(query)
      const shape = plain ? undefined : readRowQuery(askable, query)
      if (plain || !counted) {
        return chain(
          ScopedDb.read(db, (rows) => {
            rows.session.last?.()
            return rows.getJson(model, key, shape)
          }),
          (text) => new JsonText(text),
        )
      }
      return ScopedDb.read(db, (rows) =>
        chain(rows.getJson(model, key), (whole) =>
          chain(rows.getJson(model, key, shape), (text) => new JsonText(text, shapedTag(text, whole))),
        ),
      )
    },
  })
}

function page(db: unknown, { model }: Askable, asked: ListQuery): MaybePromise<JsonPage> {
  return ScopedDb.read(db, (rows) => {
    rows.session.last?.()
    return rows.findJson(model, asked)
  })
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false
  return true
}

function asParameters({ where: _, ...body }: z.output<typeof queryBody>): Record<string, string | string[]> {
  const given = Object.entries(body).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}

function linkTo(at: string, query: Record<string, string | string[]>, next: string): string {
  let parameters = ''
  for (const name in query) {
    if (name === 'after') continue
    const given = query[name]!
    for (const value of typeof given === 'string' ? [given] : given) {
      parameters += `${encoded(name)}=${encoded(value)}&`
    }
  }
  return `<${at}?${parameters}after=${encoded(next)}>; rel="next"`
}

/** As in a query string. Most text is sent as it is, which is seen sooner than `encodeURIComponent` copies it. */
function encoded(text: string): string {
  return /^[\w.~-]*$/.test(text) ? text : encodeURIComponent(text)
}

function unknownParameter(name: string): MonoblocError {
  const violation = {
    path: ['query', name],
    code: 'unknown_parameter',
    message: 'a QUERY says everything but after in its body',
  }
  return new MonoblocError('invalid_query', { violations: [violation] })
}
