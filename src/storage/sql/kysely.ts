import { createRequire } from 'node:module'
import type { Sql } from 'kysely'

type Kysely = typeof import('kysely')

let loaded: Kysely | undefined

/**
 * Kysely is loaded when the first template is compiled: its three hundred files take 60 to 90 ms, which the start of a
 * process is not to wait for. `require` of a module is synchronous, as compiling a template must be.
 */
export function kysely(): Kysely {
  loaded ??= createRequire(import.meta.url)('kysely') as Kysely
  return loaded
}

const tag = (strings: TemplateStringsArray, ...parts: unknown[]) => kysely().sql(strings, ...parts)

/** Kysely's `sql`, loaded when it is first used. */
export const sql: Sql = Object.assign(tag, {
  val: (value: unknown) => kysely().sql.val(value),
  ref: (reference: string) => kysely().sql.ref(reference),
  table: (reference: string) => kysely().sql.table(reference),
  id: (...ids: readonly string[]) => kysely().sql.id(...ids),
  lit: (value: unknown) => kysely().sql.lit(value),
  raw: (text: string) => kysely().sql.raw(text),
  join: (parts: readonly unknown[], separator?: never) => kysely().sql.join(parts, separator),
}) as unknown as Sql
