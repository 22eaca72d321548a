import { MonoblocError } from '../errors.ts'
import {
  describeAs,
  type InferOutput,
  type JsonSchema,
  type StandardIssue,
  type StandardSchemaV1,
} from '../schema/index.ts'
import type { UploadedFile } from './form-file.ts'
import { fileTypes } from './form-type.ts'
import type { MaybePromise } from './host.ts'
import { inputSchema } from './openapi-parameters.ts'

export const formType = 'multipart/form-data'

export interface FileOptions {
  /** Bytes of one. Beyond: 413 `body_too_large`. Default 10 MiB. */
  maxSize?: number
  /**
   * What it may be, as its first bytes tell, whatever the client says: `image/png`, `image/*`. Anything else: 415
   * `unsupported_media_type`. Default: anything.
   */
  types?: readonly string[]
  /** How many there may be. Beyond: 422. The value is then a list. Default: one, which is the value. */
  max?: number
  /** It may be missing. A list may always be empty. */
  optional?: boolean
}

/** A field of a form that takes files. */
export class FileField<Value = unknown> {
  readonly maxSize: number
  readonly types: readonly string[] | undefined
  readonly max: number
  readonly list: boolean
  readonly optional: boolean
  /** For inference only. */
  declare readonly value: Value

  constructor({ maxSize = 10 * 1024 ** 2, types, max, optional = false }: FileOptions) {
    if (!Number.isInteger(maxSize) || maxSize < 1) throw invalid('file: maxSize is a number of bytes')
    if (max !== undefined && (!Number.isInteger(max) || max < 1)) throw invalid('file: max is a number of files')
    const unknown = types?.find((type) => !fileTypes.some((known) => isOfType(known, [type])))
    if (unknown !== undefined)
      throw invalid(`file: "${unknown}" can't be told by the bytes of a file; what can be: ${fileTypes.join(', ')}`)
    this.maxSize = maxSize
    this.types = types
    this.max = max ?? 1
    this.list = max !== undefined
    this.optional = optional || this.list
  }
}

/** Whether a type is one of these, of which `image/*` is any image. */
export function isOfType(type: string, types: readonly string[]): boolean {
  return types.some((one) => one === type || (one.endsWith('/*') && type.startsWith(one.slice(0, -1))))
}

type FileValue<O extends FileOptions> = O extends { max: number }
  ? UploadedFile[]
  : O extends { optional: true }
    ? UploadedFile | undefined
    : UploadedFile

/** One file of a `form`, or several with `max`. */
export function file<const O extends FileOptions = object>(options?: O): FileField<FileValue<O>> {
  return new FileField(options ?? {})
}

export type FormFields = Readonly<Record<string, StandardSchemaV1 | FileField<any>>>
type FormValue<F> = {
  [K in keyof F]: F[K] extends FileField<infer Value>
    ? Value
    : F[K] extends StandardSchemaV1
      ? InferOutput<F[K]>
      : never
}

// Text fields are for words: what is longer is a file.
const textLimit = 65_536
// A name that repeats is a list.
const mostTexts = 100
// Boundaries, names and header lines of one part.
const partOverhead = 1024

type Result = { value: unknown; issues?: undefined } | { issues: readonly StandardIssue[] }

/** What a `form` is: a schema of what its parts hold together, and what its reader must know of each. */
export class FormBody<F extends FormFields = any> implements StandardSchemaV1<unknown, FormValue<F>> {
  readonly fields: F
  /** Bytes that the whole may have. */
  readonly limit: number
  readonly textLimit = textLimit
  readonly mostTexts = mostTexts
  readonly mostFiles: number
  readonly '~standard': StandardSchemaV1<unknown, FormValue<F>>['~standard']

  constructor(fields: F) {
    this.fields = fields
    const files = Object.values(fields).filter((field) => field instanceof FileField)
    this.mostFiles = files.reduce((sum, { max }) => sum + max, 0)
    const content = files.reduce((sum, { max, maxSize }) => sum + max * (maxSize + partOverhead), 0)
    this.limit = content + mostTexts * (textLimit + partOverhead)
    this['~standard'] = { version: 1, vendor: 'monobloc', validate: (value) => this.#validate(value) as never }
    describeAs(this, this.#description())
  }

  #validate(given: unknown): MaybePromise<Result> {
    const values = (given ?? {}) as Record<string, unknown>
    const checks = Object.entries(this.fields).map(([name, field]): MaybePromise<[string, Result]> => {
      if (field instanceof FileField) return [name, fileOf(field, values[name] as UploadedFile[] | undefined)]
      const result = field['~standard'].validate(values[name])
      return result instanceof Promise ? result.then((done) => [name, done]) : [name, result]
    })
    return checks.some((check) => check instanceof Promise)
      ? Promise.all(checks).then(together)
      : together(checks as [string, Result][])
  }

  #description(): JsonSchema {
    const fields = Object.entries(this.fields)
    const required = fields.flatMap(([name, field]) => {
      const result = field instanceof FileField ? undefined : field['~standard'].validate(undefined)
      const free = field instanceof FileField ? field.optional : !(result instanceof Promise) && !result!.issues
      return free ? [] : [name]
    })
    return {
      type: 'object',
      properties: Object.fromEntries(
        fields.map(([name, field]) => [name, field instanceof FileField ? fileSchema(field) : inputSchema(field)]),
      ),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
    }
  }
}

function fileOf({ list, optional }: FileField, files: UploadedFile[] = []): Result {
  if (list) return { value: files }
  if (files.length === 0 && !optional)
    return { issues: [{ message: 'is required', code: 'custom', params: { code: 'required' } } as StandardIssue] }
  return { value: files[0] }
}

function together(results: readonly [string, Result][]): Result {
  const issues = results.flatMap(([name, result]) =>
    (result.issues ?? []).map((issue) => ({ ...issue, path: [name, ...(issue.path ?? [])] })),
  )
  if (issues.length > 0) return { issues }
  return { value: Object.fromEntries(results.map(([name, result]) => [name, (result as { value: unknown }).value])) }
}

function fileSchema({ maxSize, types, max, list }: FileField): JsonSchema {
  const told = `At most ${maxSize} bytes${types ? `: ${types.join(', ')}` : ''}.`
  const one = { type: 'string', contentMediaType: types?.[0] ?? 'application/octet-stream', description: told }
  return list ? { type: 'array', items: one, maxItems: max } : one
}

/**
 * For `body`: a form with files (`multipart/form-data`, RFC 7578). Each field is a schema, which is given text (a list of it
 * where a name repeats), or a `file`. Files are written to the data folder as they come, and removed when the request
 * ends: `prepare` keeps what is to stay.
 */
export function form<const F extends FormFields>(fields: F): FormBody<F> {
  return new FormBody(fields)
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `${detail}.` })
}
