import type { StandardSchemaV1 } from '../schema/index.ts'
import type { OutputOf } from './endpoint-types.ts'

/** One version of an API. Text alone is one without dates. */
export interface VersionOptions {
  /** As clients say it: `v2`, `2026-01-01`. Letters, digits, `.`, `_` and `-`. */
  name: string
  /** From when on clients are told to leave it (`Deprecation`, RFC 9745): `2026-03-01`, an instant, or a Date. */
  deprecated?: string | Date
  /** From when on it is no more: 410 `version_gone`. Until then it is announced (`Sunset`, RFC 8594). */
  sunset?: string | Date
  /** Where people read about it: sent as `Link` with `rel="deprecation"` and `rel="sunset"`. */
  link?: string
}

/** How a request says its version. Each that is named counts, and all that a request says must agree. */
export interface VersionPlaces {
  /** `/v2/articles`. Text is what stands before it: `/api` for `/api/v2/articles`. */
  path?: boolean | `/${string}`
  /** `?version=v2`, or under another name. */
  query?: boolean | string
  /** `API-Version: v2`, or under another name. */
  header?: boolean | string
  /** A parameter of `Accept`: `application/json; version=v2`, or under another name. */
  accept?: boolean | string
}

export interface ApiVersions {
  /** Every version that is served, the oldest first: the last one is what handlers speak. */
  known: readonly (string | VersionOptions)[]
  /** Default: path and header. */
  by?: VersionPlaces
  /**
   * The version of a request that says none. Default: the newest. A name pins it, so that clients of the first day stay
   * served as they were; null makes it 400 `version_unknown`.
   */
  default?: string | null
}

/** What a version did to an endpoint or resource, as requests of the versions before it need to know. */
export interface Change<B = any, Q = any, R = any> {
  /** For the changelog in the OpenAPI document. */
  note: string
  /** It is there since this version; before, 404. */
  added?: true
  /** It is there no more from this version on: 404. */
  removed?: true
  /** The body as it was before. */
  body?: B
  /** Makes a body of this version out of one of the version before. */
  request?(body: OutputOf<B, any>, request: { method: string }): unknown
  /** The query string as it was before. */
  query?: Q
  /** Makes the query of this version, as text by name, out of that of the version before. */
  requestQuery?(query: OutputOf<Q, any>): unknown
  /** What left before: checked, so that it is what the older description says. */
  returns?: R
  /** Makes an answer of the version before out of one of this version, both as JSON. */
  response?(value: any, answer: { status: number }): unknown
}

/** By the version that made it. `C` has the schema of each older body, which types what `request` is given. */
export type Changes<C = Record<string, any>> = { readonly [Version in keyof C]: Change<C[Version]> }

type RowSchema = StandardSchemaV1 | undefined

/** Of one row, which a PATCH may give in part. */
interface RowChange<B = any> extends Omit<Change<B, RowSchema, RowSchema>, 'request'> {
  request?(row: Partial<OutputOf<B, any>>, request: { method: string }): unknown
}

/** A resource's changes speak of one row, wherever it stands: alone, in a list, in a batch. */
export type ResourceChanges<C = Record<string, any>> = { readonly [Version in keyof C]: RowChange<C[Version]> }
