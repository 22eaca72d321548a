import { z } from 'zod'
import { Definition } from '../../src/access/index.ts'
import { type Actor, type Db, type ScopedDb, Units } from '../../src/commit/index.ts'
import { effectRecords } from '../../src/effects/index.ts'
import { type AnyModel, type Models, model, t } from '../../src/schema/index.ts'
import { type LoggedTransaction, Queries, type Storage } from '../../src/storage/index.ts'
import { engine } from './engine.ts'

export const User = model('user', {
  id: t.id(),
  name: t.text().trim().unique(),
  role: t.enum('member', 'admin').default('member'),
  password: t.text().writeOnly().nullable(),
  rank: t.integer().readOnly().default(0),
})

export const Tag = model('tag', {
  id: t.id(),
  name: t.text().trim().lowerCase().unique(),
  hidden: t.boolean().default(false),
})

export const Note = model(
  'note',
  {
    id: t.id(),
    title: t.text().min(1),
    public: t.boolean().default(false),
    code: t.text().writeOnly().nullable(),
    score: t.integer().readOnly().nullable(),
    get owner() {
      return t.ref(User, { inverse: 'notes' }).onDelete('cascade')
    },
    get mentor() {
      return t.ref(User, { inverse: 'mentored' }).writeOnly().nullable()
    },
    get tags() {
      return t.manyToMany(Tag, { inverse: 'notes' })
    },
    shout: t.virtual(z.string(), (row) => `${row.title}!`),
    updatedAt: t.updatedAt(),
    version: t.version(),
  },
  { search: ['title'], indexes: [['owner'], ['public']] },
)

export const Comment = model('comment', {
  id: t.serial(),
  text: t.text(),
  get note() {
    return t.ref(Note, { inverse: 'comments' }).onDelete('cascade')
  },
  get author() {
    return t.ref(User)
  },
})

export const Like = model(
  'like',
  {
    user: t.ref(User),
    get note() {
      return t.ref(Note, { inverse: 'likes' }).onDelete('cascade')
    },
    weight: t.integer().default(1),
  },
  { key: ['user', 'note'] },
)

/** Nobody was granted anything. */
export const Sealed = model('sealed', { id: t.id(), value: t.text().unique() })

/** Whoever has something to report may, and reads none of it. */
export const Report = model('report', {
  id: t.id(),
  text: t.text(),
  severity: t.integer().readOnly().default(3),
  get about() {
    return t.ref(User).nullable()
  },
})

export const models = { User, Tag, Note, Comment, Like, Sealed, Report }
export type Data = Db<typeof models, typeof User>

/** The definition that most tests are about: notes that are their owner's until they are public. */
export function notes(): Definition {
  const definition = new Definition(models, User)
  const seen = (user: { id: string }) => ({ or: [{ owner: user.id }, { public: true }] })
  definition.policy(User, { anyone: { read: true, create: true }, update: ({ user }: any) => ({ id: user.id }) })
  definition.policy(Tag, { read: { hidden: false }, create: true, update: true })
  definition.policy(Note, {
    anyone: { read: { public: true } },
    read: ({ user }: any) => seen(user),
    create: ({ user }: any) => ({ owner: user.id }),
    update: ({ user }: any) => ({ owner: user.id }),
    delete: ({ user }: any) => user.role === 'admin' || { owner: user.id },
  })
  definition.policy(Comment, {
    anyone: { read: { note: { public: true } } },
    read: ({ user }: any) => ({ note: seen(user) }),
    create: ({ user }: any) => ({ author: user.id, note: seen(user) }),
    update: ({ user }: any) => ({ author: user.id }),
    delete: ({ user }: any) => ({ author: user.id }),
  })
  definition.policy(Like, {
    read: true,
    create: ({ user }: any) => ({ user: user.id }),
    update: ({ user }: any) => ({ user: user.id }),
    delete: ({ user }: any) => ({ user: user.id }),
  })
  definition.policy(Report, { anyone: { create: true }, update: { severity: { lt: 10 } } })
  return definition
}

export interface UnitFixture<D> {
  storage: Storage
  queries: Queries
  units: Units
  definition: Definition
  /** One transaction, as somebody. */
  write<T>(actor: Actor, work: (db: D) => Promise<T>): Promise<T>
  /** One snapshot, as somebody. */
  read<T>(actor: Actor, work: (db: D) => Promise<T>): Promise<T>
  log(): Promise<LoggedTransaction[]>
  close(): Promise<void>
}

/** A database of its own, on the engine that is tested. */
export async function openUnits<D = Data>(definition: Definition = notes()): Promise<UnitFixture<D>> {
  const { schema, policies, hooks } = definition
  const { storage, close } = await engine.open(schema)
  policies.check(schema)
  const queries = new Queries(storage.dialect, schema)
  const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })
  const typed = (db: ScopedDb) => db as unknown as D
  return {
    storage,
    queries,
    units,
    definition,
    write: (actor, work) => units.write({ deadline: 20_000, actor: nameOf(actor) }, actor, (db) => work(typed(db))),
    read: async (actor, work) => units.read({ deadline: 20_000 }, actor, (db) => work(typed(db))),
    log: () => storage.tail(0, 1000),
    close,
  }
}

function nameOf(actor: Actor): string | null {
  return actor === null || actor === 'system' ? null : (actor as { name: string }).name
}

/** A definition of one or a few models in which everyone may do everything. */
export function open(of: Models): Definition {
  const definition = new Definition(of, undefined, effectRecords)
  for (const one of Object.values(of)) {
    definition.policy(one as AnyModel, { anyone: { read: true, create: true, update: true, delete: true } })
  }
  return definition
}
