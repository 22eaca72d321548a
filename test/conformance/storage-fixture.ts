import { expect, test } from 'vitest'
import { model, Schema, t } from '../../src/schema/index.ts'
import type { LoggedTransaction, Session, SqlRow, SqlValue, Statement, Storage } from '../../src/storage/index.ts'
import { sqliteRaw } from './storage-sqlite-words.ts'

/** A database of one test. `open` makes one, with the tables of `schema`. */
export interface StorageUnderTest {
  storage: Storage
  /** Runs SQL from a program that knows nothing of Monobloc, in one transaction, and waits for its end. */
  outside(sql: string): Promise<void>
  /** Closes the storage and opens the same database again. */
  reopen(): Promise<Storage>
}

export interface OpenOptions {
  /** How many writes may wait. */
  maxWaitingWrites?: number
  /** Snapshots at the same time. */
  readers?: number
  /** Processes for reads that may take long. */
  readerProcesses?: number
  /** How many reads may wait. */
  maxWaitingReads?: number
  /** Writes at the same time. */
  writers?: number
  /** Milliseconds that closing waits for reads under way. */
  closeMillis?: number
  clock?: { now(): number }
}

/** How the engine under test says what the suite can't say alike. */
export interface EngineWords {
  name: 'SQLite' | 'PostgreSQL'
  /** Bound values are `?` on one and `$1` on the other. */
  placeholder(at: number): string
  /** Never ends by itself. */
  endless: string
  /** The numbers from 1 to the one that is bound. */
  firstNumbers: string
  /** Statements that a user may not run, and some that look like them. */
  refused: string[]
  taken: string[]
  /** Refused in a read too. */
  refusedReading: string[]
  /** What code binds, and how it comes back. */
  bound: { sql: string; back: Record<string, unknown> }
  /** SQL that breaks a constraint, its code, its subject and its violations. */
  broken: [text: string, code: string, subject: string | undefined, violations: unknown[]][]
  /** Bytes, the greatest 64-bit integer, a small one, null and a double. */
  everyKind: string
  /** Ids of things whose full-text index has the word. */
  searched: string
  /** The types of an integer and of text as a difference of schemas names them. */
  typeNames: RegExp
  /** Work that may not go on here starts over elsewhere. */
  movesReads: boolean
  /** One transaction at a time, in the order in which they came. */
  isSerial: boolean
  /** Tests that are not for this engine, by their words, and why. */
  skips: Readonly<Record<string, string>>
}

const sqliteWords: EngineWords = {
  name: 'SQLite',
  placeholder: () => '?',
  endless: 'with recursive c (n) as (select 1 union all select n + 1 from c) select max(n) from c',
  firstNumbers: 'with recursive c (n) as (select 1 union all select n + 1 from c limit ?) select n from c',
  ...sqliteRaw,
  everyKind: "select x'00ff' as bytes, 9223372036854775807 as large, 5 as small, null as empty, 0.1 as tenth",
  searched: 'select rowid as id from monobloc_search_thing where monobloc_search_thing match ?',
  typeNames: /column thing\.size is INTEGER, not TEXT/,
  movesReads: true,
  isSerial: true,
  skips: {},
}

/** Of the engine whose suite runs in this process. */
export let words = sqliteWords

/** Says that the suite is about another engine than SQLite. */
export function speak(other: EngineWords): void {
  words = other
}

/** A test that some engine is excused from; it then says why. */
export function testUnlessExcused(name: string, work: () => Promise<void>): void {
  const reason = words.skips[name]
  if (reason === undefined) test(name, work)
  else test.skip(`${name} (excused: ${reason})`, work)
}

/** SQL with its `?` as the engine wants them. None of the suite's texts has one for anything else. */
export function spoken(text: string): string {
  let at = 0
  return text.replaceAll('?', () => words.placeholder(++at))
}

export type OpenStorage = (options?: OpenOptions, models?: Schema) => Promise<StorageUnderTest>

export const Person = model('person', {
  id: t.id(),
  name: t.text().unique(),
  password: t.text().writeOnly().nullable(),
})

export const Label = model('label', { id: t.serial(), name: t.text() })

export const Post = model(
  'post',
  {
    id: t.id(),
    title: t.text(),
    body: t.text().nullable(),
    likes: t.integer().default(0).check({ gte: 0 }),
    price: t.decimal(18, 2).nullable(),
    total: t.bigint().nullable(),
    ratio: t.float().nullable(),
    shown: t.boolean().default(true),
    data: t.json().nullable(),
    photo: t.bytes().nullable(),
    day: t.date().nullable(),
    at: t.timestamp().nullable(),
    get author() {
      return t.ref(Person).nullable().onDelete('cascade')
    },
    get labels() {
      return t.manyToMany(Label)
    },
  },
  { search: ['title'] },
)

/** It refers to a person whose row may not go. */
export const Debt = model('debt', {
  id: t.serial(),
  get person() {
    return t.ref(Person)
  },
})

export const schema = new Schema([Person, Label, Post, Debt])

/** Milliseconds: no test waits for it. */
export const ample = 30_000

/** A key that sorts by its number. */
export function key(n: number): string {
  return `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`
}

const statements = new Map<string, Statement>()

/** A statement that the caller vouches for, the same object for the same text. */
export function sql(text: string, reach: Statement['reach'] = 'bounded'): Statement {
  const id = `${reach} ${text}`
  let statement = statements.get(id)
  if (!statement) {
    statement = { sql: spoken(text), reach }
    statements.set(id, statement)
  }
  return statement
}

/** A value of a column of `schema`, as the engine binds it. */
export function bound({ dialect }: Storage, table: string, column: string, value: unknown): SqlValue {
  const { columns } = schema.tables.find(({ name }) => name === table)!
  return dialect.encode(columns.find(({ name }) => name === column)!.type, value)
}

export function insertPerson(session: Session, n: number, name = `person ${n}`) {
  return session.run(sql('insert into person (id, name) values (?, ?)'), [key(n), name])
}

/** Runs a user's SQL. */
export function raw(session: Session, text: string, values: readonly unknown[] = []) {
  return session.raw(spoken(text), values)
}

export function write<T>(storage: Storage, work: (session: Session) => T | Promise<T>): Promise<T> {
  return storage.write({ deadline: ample }, work)
}

/** Rows as plain objects, over a snapshot of their own. */
export async function rows(storage: Storage, text: string, values: SqlValue[] = []): Promise<SqlRow[]> {
  const found = await storage.read({ deadline: ample }, (session) => session.all(sql(text), values))
  return found.map((row) => ({ ...row }))
}

export async function names(storage: Storage): Promise<unknown[]> {
  return (await rows(storage, 'select name from person order by id')).map((row) => row.name)
}

/** Every transaction, read in pages of two, with positions that are checked to be dense. */
export async function wholeLog(storage: Storage): Promise<LoggedTransaction[]> {
  const all: LoggedTransaction[] = []
  for (;;) {
    const page = await storage.tail(all.at(-1)?.position ?? 0, 2)
    if (page.length === 0) break
    all.push(...page)
  }
  expect(all.map(({ position }) => position)).toEqual(all.map((_, at) => at + 1))
  const sequences = all.flatMap(({ entries }) => entries.map(({ sequence }) => sequence))
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
  return all
}

/** What an entry says, without its sequence. */
export async function changes(storage: Storage): Promise<unknown[]> {
  const log = await wholeLog(storage)
  return log.flatMap(({ entries }) => entries.map(({ sequence: _, ...entry }) => entry))
}

/** A promise and what settles it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** The code with which a promise is rejected. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error) => (error as { code?: string }).code ?? String(error),
  )
}

/** Asks until the answer is true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
