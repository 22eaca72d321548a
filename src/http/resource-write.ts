import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { keyOf, ScopedDb } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import {
  type AnyModel,
  describeAs,
  type Field,
  jsonSchemaOf,
  type StandardSchemaV1,
  writableFields,
} from '../schema/index.ts'
import { type AnyRow, documentOf } from '../storage/index.ts'
import { JsonText } from './answer.ts'
import { checkPrecondition, contentTag } from './conditional.ts'
import type { Endpoint } from './endpoint.ts'
import type { Reply } from './endpoint-types.ts'
import { jsonType, mergePatchType } from './media-type.ts'
import type { ResourceEndpoint } from './resource-details.ts'
import { keyFromPath, keyPath, pathOfKey } from './resource-key.ts'
import { documentsIn, mergePatch } from './resource-merge.ts'
import { countsVersions, shapedTagOf } from './resource-tag.ts'

interface WriteContext<Body> {
  db: ScopedDb
  params: Record<string, string>
  body: Body
  headers: IncomingHttpHeaders
  reply: Reply
}

/** Rows that one batch may create: some thousand statements with their log entries are a turn of the writer. */
const mostInBatch = 100

const changeErrors = ['forbidden', 'not_found', 'precondition_failed'] as const

/** `POST /articles`. */
export function createEndpoint(make: ResourceEndpoint, model: AnyModel, at: string): Endpoint {
  return make(`POST ${at}`, {
    summary: `Create one ${model.name}`,
    operation: 'create',
    body: model.input(),
    returns: { 201: model, 204: null },
    openapi: {
      parameters: ['Idempotency-Key'],
      headers: { 201: ['ETag', 'Location'], 204: ['Location'] },
      errors: ['forbidden', 'unique_violation', 'reference_not_found'],
    },
    async handle({ db, body, reply }: WriteContext<AnyRow>) {
      const row = await ScopedDb.insert(db, model, body)
      const key = keyOf(model, row)
      reply.created(at + pathOfKey(model, key))
      const text = documentOf(row)
      const answer = text === undefined ? await shown(db, model, key) : new JsonText(text, contentTag(text))
      if (!answer) reply.status(204)
      return answer
    },
  })
}

/** `POST /articles/batch`: all of a list, or none. */
export function batchEndpoint(make: ResourceEndpoint, model: AnyModel, at: string): Endpoint {
  const input = model.input()
  const body = describeAs(z.array(input).min(1).max(mostInBatch), {
    type: 'array',
    items: jsonSchemaOf(input),
    minItems: 1,
    maxItems: mostInBatch,
  })
  return make(`POST ${at}/batch`, {
    summary: `Create several ${model.name} rows, all or none`,
    operation: 'createMany',
    body: body as StandardSchemaV1,
    returns: { 201: [model], 204: null },
    openapi: { parameters: ['Idempotency-Key'], errors: ['forbidden', 'unique_violation', 'reference_not_found'] },
    async handle({ db, body, reply }: WriteContext<AnyRow[]>) {
      const rows = (await db.insert(model, body)) as AnyRow[]
      if (rows.every((row) => isWhole(model, row))) return rows
      reply.status(204)
      return undefined
    },
  })
}

/** `PUT /articles/:id`: the row becomes what was sent; what was not sent becomes its default. */
export function replaceEndpoint(make: ResourceEndpoint, model: AnyModel, at: string, requireMatch: boolean): Endpoint {
  return make(`PUT ${at}${keyPath(model)}`, {
    summary: `Replace one ${model.name}`,
    operation: 'replace',
    body: model.input(),
    returns: { 200: model, 204: null },
    openapi: { parameters: ['If-Match'], headers: { 200: ['ETag'] }, errors: changeDetails(requireMatch) },
    handle: (context: WriteContext<AnyRow>) =>
      change(context, model, requireMatch, () => withDefaults(model, context.body)),
  })
}

/** `PATCH /articles/:id`: a merge patch (RFC 7396). */
export function patchEndpoint(make: ResourceEndpoint, model: AnyModel, at: string, requireMatch: boolean): Endpoint {
  return make(`PATCH ${at}${keyPath(model)}`, {
    summary: `Change one ${model.name}`,
    operation: 'update',
    accepts: [mergePatchType, jsonType],
    body: patchBody(model),
    returns: { 200: model, 204: null },
    openapi: { parameters: ['If-Match'], headers: { 200: ['ETag'] }, errors: changeDetails(requireMatch) },
    handle: (context: WriteContext<AnyRow>) =>
      change(context, model, requireMatch, (key) => merged(context.db, model, key, context.body)),
  })
}

/** `DELETE /articles/:id`. */
export function deleteEndpoint(make: ResourceEndpoint, model: AnyModel, at: string, requireMatch: boolean): Endpoint {
  return make(`DELETE ${at}${keyPath(model)}`, {
    summary: `Delete one ${model.name}`,
    operation: 'delete',
    returns: null,
    openapi: { parameters: ['If-Match'], errors: [...changeDetails(requireMatch), 'reference_in_use'] },
    async handle({ db, params, headers }: WriteContext<undefined>) {
      const key = keyFromPath(model, params)
      await checkVersion(db, model, key, headers, requireMatch)
      await db.delete(model, key)
    },
  })
}

function changeDetails(requireMatch: boolean) {
  return requireMatch ? ([...changeErrors, 'precondition_required'] as const) : changeErrors
}

async function change(
  { db, params, headers }: WriteContext<AnyRow>,
  model: AnyModel,
  requireMatch: boolean,
  patchFor: (key: unknown) => AnyRow | Promise<AnyRow>,
): Promise<JsonText | undefined> {
  const key = keyFromPath(model, params)
  await checkVersion(db, model, key, headers, requireMatch)
  const row = (await db.update(model, key, await patchFor(key))) as AnyRow
  return shown(db, model, keyOf(model, row))
}

/** Holds a change to the tag of the plain representation, or to that which the tag of another one carries. */
async function checkVersion(
  db: ScopedDb,
  model: AnyModel,
  key: unknown,
  headers: IncomingHttpHeaders,
  required: boolean,
): Promise<void> {
  const conditional = headers['if-match'] !== undefined || headers['if-none-match'] !== undefined
  if (!conditional && !required) return
  if (!conditional) throw new MonoblocError('precondition_required')
  const text = await ScopedDb.read(db, (rows) => rows.getJson(model, key))
  const tag = contentTag(text)
  const shaped = countsVersions(model) ? shapedTagOf(headers['if-match'] ?? '', tag) : undefined
  checkPrecondition(headers, shaped ?? tag, required)
}

/** The row as a read would show it, with its tag; undefined to whoever may write it and not read it. */
async function shown(db: ScopedDb, model: AnyModel, key: unknown): Promise<JsonText | undefined> {
  try {
    const text = await ScopedDb.read(db, (rows) => rows.getJson(model, key))
    return new JsonText(text, contentTag(text))
  } catch (error) {
    if (error instanceof MonoblocError && error.status < 500) return undefined
    throw error
  }
}

/** Of a row that its writer may not read, a write gives no more than its key and what was sent. */
function isWhole(model: AnyModel, row: AnyRow): boolean {
  return [...(model.fields as Map<string, Field>)].every(
    ([name, { kind, options }]) => kind === 'manyToMany' || options.writeOnly || name in row,
  )
}

/** What was not sent gets the value that an insert without it would have given. */
function withDefaults(model: AnyModel, body: AnyRow): AnyRow {
  const row: AnyRow = {}
  for (const name of writableFields(model))
    row[name] = body[name] === undefined ? defaultOf(model.fields.get(name) as Field) : body[name]
  for (const name of model.key) delete row[name]
  return row
}

function defaultOf({ kind, options }: Field): unknown {
  if (kind === 'manyToMany') return []
  if (!options.default) return null
  return 'make' in options.default ? options.default.make() : options.default.value
}

/** Documents are checked when they have been merged, so that a part of one may be sent. */
function patchBody(model: AnyModel): StandardSchemaV1 {
  const patch = model.patch() as unknown as z.ZodObject
  const documents = writableFields(model).filter((name) => (model.fields.get(name) as Field).kind === 'json')
  if (documents.length === 0) return patch as StandardSchemaV1
  const open = patch.extend(Object.fromEntries(documents.map((name) => [name, z.unknown().optional()])))
  return describeAs(open, jsonSchemaOf(patch as StandardSchemaV1)) as StandardSchemaV1
}

async function merged(db: ScopedDb, model: AnyModel, key: unknown, body: AnyRow): Promise<AnyRow> {
  const documents = documentsIn(model, body)
  if (documents.length === 0) return body
  const row = await db.get(model, key, { fields: documents })
  return { ...body, ...Object.fromEntries(documents.map((name) => [name, mergePatch(row[name], body[name])])) }
}
