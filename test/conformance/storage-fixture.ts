import { expect } from 'vitest'
import { model, Schema, t } from '../../src/schema/index.ts'
import type { LoggedTransaction, Session, SqlRow, SqlValue, Statement, Storage } from '../../src/storage/index.ts'

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
  /** Milliseconds that closing waits for reads under way. */
  closeMillis?: number
  clock?: { now(): number }
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
    statement = { sql: text, reach }
    statements.set(id, statement)
  }
  return statement
}

export function insertPerson(session: Session, n: number, name = `person ${n}`) {
  return session.run(sql('insert into person (id, name) values (?, ?)'), [key(n), name])
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
