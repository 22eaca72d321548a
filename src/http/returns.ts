import { Readable } from 'node:stream'
import type { Job } from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import { type AnyModel, type JsonSchema, jsonSchemaOf, Model, type StandardSchemaV1 } from '../schema/index.ts'
import { type Answer, type AnswerBody, JsonText, onlyJson } from './answer.ts'
import { BlobBody, SizedBody } from './answer-body.ts'
import type { Returned, Returns } from './endpoint-types.ts'
import { acceptedAnswer, acceptedSchema, isJob, jobsIn } from './job-answer.ts'
import { acceptsJson, jsonType, qualityOf } from './media-type.ts'
import { rowSchema } from './model-schema.ts'
import type { ReplyState } from './reply.ts'
import { listSchema } from './returns-list.ts'
import { linesType, StreamReturns } from './returns-stream.ts'
import { compileSerialiser, type Serialise } from './serialise.ts'
import { isAsyncIterable, linesAnswer, streamAnswer } from './stream-answer.ts'

/** What one status answers with. `model` is the one whose rows it is, `list` whether it is many of them. */
export interface ReturnedShape {
  schema: JsonSchema | null
  /** That of one, where it is a list. */
  item: JsonSchema | null
  model: AnyModel | undefined
  list: boolean
  /** Its media type, where it is not JSON: a stream of such values. */
  type?: string
}

/** `returns`, made into a function from what a handler returned to what leaves. */
export class CompiledReturns {
  /** Undefined where any JSON may leave. */
  readonly shapes: ReadonlyMap<number, ReturnedShape> | undefined
  readonly #serialisers = new Map<number, Serialise | null>()
  readonly #usual: number
  readonly #streams: Map<number, StreamReturns> | undefined
  readonly #jobs: Map<number, Job> | undefined
  readonly #freely: boolean

  /**
   * @param freely an answer may be made while it is sent: there is no transaction that it would outlive
   * @throws MonoblocError `definition_invalid` for a schema that can't be described as JSON Schema
   */
  constructor(returns: Returns | undefined, freely = true) {
    this.#freely = freely
    this.#streams = returns === undefined ? undefined : streamsIn(returns)
    this.#jobs = jobsIn(returns)
    this.shapes = returns === undefined ? undefined : shapesOf(returns)
    for (const [status, { schema }] of this.shapes ?? []) {
      this.#serialisers.set(status, schema && compileSerialiser(schema))
    }
    const successes = [...this.#serialisers.keys()].filter((status) => status < 300).sort((a, b) => a - b)
    this.#usual = successes[0] ?? 200
  }

  /** Whether an `Accept` lets one of its forms through. Problems always pass. */
  isAccepted(accept: string): boolean {
    if (!this.#streams) return acceptsJson(accept)
    const types = [...this.shapes!.values()].map(({ type = jsonType }) => type)
    return types.some((type) => qualityOf(accept, type) > 0)
  }

  /** @throws MonoblocError `response_invalid` for a value that the declared answer does not describe */
  answer(value: unknown, reply: ReplyState | undefined): Answer {
    if (this.shapes === undefined) return openAnswer(value, reply, this.#freely)
    const given = reply?.code || (value === undefined && this.#serialisers.get(204) === null ? 204 : this.#usual)
    const serialise = this.#serialisers.get(given)
    if (serialise === undefined)
      throw new MonoblocError('response_invalid', {
        detail: `The handler answered ${given}, which is not in its returns.`,
      })
    const job = this.#jobs?.get(given)
    if (job) return acceptedAnswer(given, job, value, reply)
    const headers = reply?.fields
    if (serialise === null) {
      if (value !== undefined && value !== null)
        throw new MonoblocError('response_invalid', {
          detail: `The handler answered ${given} with a value; its returns says null.`,
        })
      return { status: given, headers: headers ?? [], body: null, tag: null }
    }
    const stream = this.#streams?.get(given)
    if (stream) return streamAnswer(given, value, stream, serialise, reply)
    const body = value instanceof JsonText ? value.text : serialise(value)
    return jsonAnswer(given, headers, body, value instanceof JsonText ? value.tag : undefined)
  }
}

export function jsonAnswer(
  status: number,
  fields: string[] | undefined,
  body: string,
  tag: string | undefined,
): Answer {
  return { status, headers: fields ? ['content-type', jsonType, ...fields] : onlyJson, body, tag: tag ?? null }
}

/** Without `returns`: text, bytes and streams under the type that the handler said, anything else as JSON. */
function openAnswer(value: unknown, reply: ReplyState | undefined, freely: boolean): Answer {
  const status = reply?.code || (value === undefined ? 204 : 200)
  if (value === undefined || status === 204 || status === 304)
    return { status, headers: reply?.fields ?? [], body: null, tag: null }
  const type = reply?.get('content-type')
  if (isAsyncIterable(value) && !(value instanceof Readable)) return iterated(status, value, reply, freely)
  const bytes = value instanceof Blob ? new BlobBody(value) : value
  const isBytes = bytes instanceof Uint8Array || bytes instanceof Readable || bytes instanceof SizedBody
  if (isBytes || (typeof value === 'string' && type !== undefined && !/[/+]json\b/.test(type))) {
    const fields = reply?.fields ?? []
    return {
      status,
      headers:
        type === undefined ? ['content-type', (value as Blob).type || 'application/octet-stream', ...fields] : fields,
      body: bytes as AnswerBody,
      tag: null,
    }
  }
  if (value instanceof JsonText)
    return { ...jsonAnswer(status, reply?.fields, value.text, value.tag), ...(type && { headers: reply!.fields! }) }
  let body: string | undefined
  try {
    body = JSON.stringify(value)
  } catch (cause) {
    throw new MonoblocError('response_invalid', { detail: 'The handler returned what JSON can not hold.', cause })
  }
  if (body === undefined)
    throw new MonoblocError('response_invalid', { detail: `The handler returned a ${typeof value}.` })
  return type === undefined
    ? jsonAnswer(status, reply?.fields, body, undefined)
    : { status, headers: reply!.fields!, body, tag: null }
}

/** Lines of JSON, or under another type that the handler said the text and bytes themselves. */
function iterated(
  status: number,
  items: AsyncIterable<unknown>,
  reply: ReplyState | undefined,
  freely: boolean,
): Answer {
  if (!freely) throw new MonoblocError('stream_in_transaction')
  const type = reply?.get('content-type')
  const raw = items instanceof ReadableStream ? Readable.fromWeb(items as never) : undefined
  if (!raw && (type === undefined || type === linesType))
    return linesAnswer(
      status,
      items,
      JSON.stringify,
      reply?.fields?.toSpliced(reply.fields.indexOf('content-type'), type ? 2 : 0) ?? [],
    )
  const fields = reply?.fields ?? []
  return {
    status,
    headers: type === undefined ? ['content-type', 'application/octet-stream', ...fields] : fields,
    body: raw ?? Readable.from(items, { objectMode: false }),
    tag: null,
  }
}

/** The statuses whose answer is made while it is sent; undefined without one. */
export function streamsIn(returns: Returns): Map<number, StreamReturns> | undefined {
  if (returns instanceof StreamReturns) return new Map([[200, returns]])
  if (isReturned(returns)) return undefined
  const found = Object.entries(returns).filter(([, one]) => one instanceof StreamReturns)
  return found.length > 0 ? new Map(found.map(([status, one]) => [Number(status), one as StreamReturns])) : undefined
}

/** @throws MonoblocError `definition_invalid` */
export function shapesOf(returns: Returns): Map<number, ReturnedShape> {
  if (isReturned(returns)) return new Map([[returns === null ? 204 : 200, shapeOf(returns)]])
  const shapes = new Map<number, ReturnedShape>()
  for (const [status, returned] of Object.entries(returns)) {
    if (!/^[2-5]\d\d$/.test(status) || !isReturned(returned)) {
      throw new MonoblocError('definition_invalid', {
        detail: `returns: ${status} must be a status from 200 to 599 with a model, a schema, [either] or null.`,
      })
    }
    shapes.set(Number(status), shapeOf(returned))
  }
  return shapes
}

function isReturned(returns: unknown): returns is Returned {
  if (returns === null || returns instanceof Model || returns instanceof StreamReturns) return true
  if (Array.isArray(returns)) return returns.length === 1 && returns[0] !== null && isReturned(returns[0])
  return typeof returns === 'object' && ('~standard' in returns || isJob(returns))
}

function shapeOf(returned: Returned): ReturnedShape {
  if (returned === null) return { schema: null, item: null, model: undefined, list: false }
  if (returned instanceof StreamReturns) return { ...shapeOf(returned.item), type: returned.type }
  if (isJob(returned)) return { schema: acceptedSchema, item: acceptedSchema, model: undefined, list: false }
  if (Array.isArray(returned)) {
    const one = shapeOf(returned[0])
    return { ...one, schema: listSchema(one.schema!), list: true }
  }
  const model = returned instanceof Model ? returned : undefined
  const schema = model ? rowSchema(model) : jsonSchemaOf(returned as StandardSchemaV1, 'output')
  return { schema, item: schema, model, list: false }
}
