import { z } from 'zod'
import { type AnyModel, type Condition, model, parseFilter, Schema, t } from '../../src/schema/index.ts'
import { Queries } from '../../src/storage/sql/queries.ts'
import type { MaybePromise, Session, Statement, Storage } from '../../src/storage/storage.ts'
import { engine } from './engine.ts'

/** A model with a field of every kind. */
export const Thing = model(
  'thing',
  {
    id: t.serial(),
    label: t.text(),
    mail: t.email().nullable(),
    site: t.url().nullable(),
    slug: t.slug().nullable(),
    count: t.integer().nullable(),
    big: t.bigint().nullable(),
    price: t.decimal(18, 4).nullable(),
    whole: t.decimal(5, 0).nullable(),
    ratio: t.float().nullable(),
    done: t.boolean().nullable(),
    day: t.date().nullable(),
    at: t.timestamp().nullable(),
    level: t.enum('low', 'high').default('low'),
    data: t.json().nullable(),
    raw: t.bytes().nullable(),
    secret: t.text().default('hush').writeOnly(),
    shout: t.virtual(z.string(), (row) => `${row.label}!${row.secret}`),
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
    version: t.version(),
  },
  { indexes: [['count', 'id'], ['createdAt']] },
)

export const User = model('user', {
  id: t.id(),
  name: t.text().unique(),
  password: t.text().default('x').writeOnly(),
  get follows() {
    return t.manyToMany(User, { inverse: 'followers' })
  },
  get favourites() {
    return t.manyToMany(Article, { inverse: 'favouritedBy' })
  },
})

export const Profile = model('profile', {
  id: t.serial(),
  bio: t.text().nullable(),
  avatar: t.bytes().nullable(),
  user: t.ref(User, { inverse: 'profile' }).unique().onDelete('cascade'),
})

export const Tag = model('tag', { id: t.id(), name: t.text().unique() })

export const Article = model(
  'article',
  {
    id: t.id(),
    title: t.text(),
    body: t.text().default(''),
    score: t.integer().nullable(),
    get author() {
      return t.ref(User, { inverse: 'articles' })
    },
    get editor() {
      return t.ref(User, { inverse: 'edited' }).nullable().onDelete('set null')
    },
    tags: t.manyToMany(Tag, { inverse: 'articles' }),
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
    version: t.version(),
  },
  { indexes: [['author', 'createdAt'], ['createdAt'], ['score']], search: ['title', 'body'] },
)

export const Comment = model(
  'comment',
  {
    id: t.serial(),
    body: t.text(),
    article: t.ref(Article, { inverse: 'comments' }).onDelete('cascade'),
    author: t.ref(User, { inverse: 'comments' }),
    get parent() {
      return t.ref(Comment, { inverse: 'replies' }).nullable().onDelete('cascade')
    },
    createdAt: t.createdAt(),
  },
  { indexes: [['article', 'createdAt']] },
)

/** Whatever is not given is the database's own. */
export const Ticket = model('ticket', { id: t.serial() })

export const Vote = model(
  'vote',
  { user: t.ref(User), article: t.ref(Article), value: t.integer().default(1), at: t.timestamp().nullable() },
  { key: ['user', 'article'] },
)

export const models = { Thing, User, Profile, Tag, Article, Comment, Vote, Ticket }
export const schema = new Schema(Object.values(models))

export const isSqlite = engine.name === 'SQLite'

export interface QueryFixture {
  storage: Storage
  queries: Queries
  /** What the queries take for now; a test moves it. */
  clock: { now: number }
  write<T>(work: (session: Session) => MaybePromise<T>): Promise<T>
  read<T>(work: (session: Session) => MaybePromise<T>): Promise<T>
  close(): Promise<void>
}

export async function openQueries(of: Schema = schema): Promise<QueryFixture> {
  const { storage, close } = await engine.open(of)
  const clock = { now: Date.parse('2026-11-22T10:00:00.000Z') }
  return {
    storage,
    clock,
    queries: new Queries(storage.dialect, of, { now: () => clock.now }),
    write: (work) => storage.write({ deadline: 50_000 }, work),
    read: async (work) => storage.read({ deadline: 50_000 }, work),
    close,
  }
}

export function where(model: AnyModel, filter: unknown): Condition {
  return parseFilter(schema, model, filter, { secret: true })
}

/** The session, and each statement that ran in it, with its text. */
export function counted(session: Session): { session: Session; statements: string[]; run: Statement[] } {
  const statements: string[] = []
  const run: Statement[] = []
  const counting = new Proxy(session, {
    get(target, name) {
      const member = (target as unknown as Record<string | symbol, unknown>)[name]
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        if (['all', 'first', 'value', 'cells', 'rows', 'run'].includes(String(name))) {
          run.push(given[0] as Statement)
          statements.push((given[0] as Statement).sql)
        }
        return member.apply(target, given)
      }
    },
  })
  return { session: counting, statements, run }
}

/** How the engine goes about a statement, step by step. PostgreSQL is kept from reading small tables as they come. */
export async function planOf(session: Session, statement: string, values: unknown[]): Promise<string[]> {
  if (isSqlite) {
    const { rows } = await session.raw(`explain query plan ${statement}`, values)
    return rows.map((row) => String(row.detail))
  }
  await session.value({ sql: "select set_config('enable_seqscan', 'off', true)", reach: 'bounded' }, [])
  const { rows } = await session.raw(`explain (costs off) ${statement}`, values)
  return rows.map((row) => String(row['QUERY PLAN']))
}

/** Many things, by the engine's own SQL: their labels are `x1`, `x2`, … */
export function fillThings(session: Session, count: number) {
  const columns = '(label, "createdAt", "updatedAt", version)'
  const values = "'x' || x, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 1"
  const insert = `insert into thing ${columns} select ${isSqlite ? values : values.replaceAll("Z'", "Z'::timestamptz")} from n`
  return session.raw(`with recursive n(x) as (select 1 union all select x + 1 from n where x < ${count}) ${insert}`, [])
}
