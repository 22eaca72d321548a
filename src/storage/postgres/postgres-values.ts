import { MonoblocError } from '../../errors.ts'
import type { SqlValue, Statement } from '../storage.ts'
import type { Field } from './postgres-driver.ts'

/** A value as the wire takes it: text, bytes in their binary form, or null. */
export type WireValue = string | Buffer | null

/** A statement that the engine itself runs, with its values. */
export interface OwnStatement {
  statement: Statement
  values: readonly SqlValue[]
}

export type CellParser = (text: string) => unknown

// Object identifiers of built-in types, which are the same on every server (pg_type.dat).
const oid = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  jsonb: 3802,
} as const

const numbers = new Map<number, CellParser>([
  [oid.int2, Number],
  [oid.int4, Number],
  [oid.oid, Number],
  [oid.float4, Number],
  [oid.float8, Number],
  [oid.int8, wholeNumber],
])

/**
 * How the cells of an answer are read for templates: whole numbers and doubles as numbers (bigint beyond 2^53), and
 * everything else as the text that the server wrote, which the dialect decodes by the column's type.
 *
 * @returns undefined where there is nothing but text
 */
export function cellParsers(fields: readonly Field[]): (CellParser | undefined)[] | undefined {
  const parsers = fields.map(({ dataTypeID }) => numbers.get(dataTypeID))
  return parsers.some(Boolean) ? parsers : undefined
}

const natural = new Map<number, CellParser>([
  ...numbers,
  [oid.bool, (text) => text === 't'],
  [oid.bytea, bytes],
  [oid.json, (text) => JSON.parse(text)],
  [oid.jsonb, (text) => JSON.parse(text)],
  [oid.timestamptz, instant],
  [oid.timestamp, instant],
])

/**
 * How the cells of an answer are read for a user's own SQL: numbers, booleans, bytes and documents as JavaScript has
 * them, instants as RFC 3339 text, and everything else (numeric with it) as text.
 */
export function naturalParsers(fields: readonly Field[]): (CellParser | undefined)[] {
  return fields.map(({ dataTypeID }) => natural.get(dataTypeID))
}

/** One row, read in place. */
export function parseCells(cells: unknown[], parsers: readonly (CellParser | undefined)[] | undefined): SqlValue[] {
  if (parsers) {
    for (let at = 0; at < cells.length; at++) {
      const parser = parsers[at]
      if (parser !== undefined && cells[at] !== null) cells[at] = parser(cells[at] as string)
    }
  }
  return cells as SqlValue[]
}

/** What a template binds, for the wire. The server knows each parameter's type from where it stands. */
export function wireValues(values: readonly SqlValue[]): WireValue[] {
  const bound = new Array<WireValue>(values.length)
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!
    if (typeof value === 'string' || value === null) bound[at] = value
    else bound[at] = value instanceof Uint8Array ? buffer(value) : String(value)
  }
  return bound
}

/** What a user binds to SQL of their own. @throws MonoblocError `database_error` for what has no form in SQL */
export function boundValue(value: unknown): WireValue {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      if (value === null) return null
      if (value instanceof Uint8Array) return buffer(value)
      if (value instanceof Date) return value.toISOString()
      if (Array.isArray(value)) return `{${value.map(element).join()}}`
      throw new MonoblocError('database_error', { detail: `A value of type ${typeof value} can't be bound to SQL.` })
  }
}

// An element of an array in its text form (https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO).
function element(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `{${value.map(element).join()}}`
  const bound = boundValue(value)
  const text = typeof bound === 'string' ? bound : `\\x${bound!.toString('hex')}`
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function buffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function wholeNumber(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

// The sessions' time zone is UTC and their DateStyle ISO: `2026-11-22 10:20:30.4+00`. Years of more or fewer digits, BC
// and infinity have no RFC 3339 form, and stay as they are.
function instant(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text)
  return parts ? `${parts[1]}T${parts[2]}.${(parts[3] ?? '').padEnd(3, '0')}Z` : text
}
