import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type AnyModel,
  type Condition,
  compareText,
  compileMatcher,
  parseFilter,
  type RelatedRows,
  type Relation,
} from '../../src/schema/index.ts'
import type { AnyRow, Includes } from '../../src/storage/sql/query.ts'
import type { Session } from '../../src/storage/storage.ts'
import {
  Article,
  Comment,
  counted,
  isSqlite,
  openQueries,
  Profile,
  planOf,
  type QueryFixture,
  schema,
  Tag,
  Thing,
  User,
  where,
} from './query-fixture.ts'

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries()
})
afterEach(() => f.close())

type Tables = Map<string, AnyRow[]>
type Links = Map<string, [unknown, unknown][]>

/** Rows and links of all models in memory, and what a relation leads to from a row. */
class World {
  readonly tables: Tables = new Map()
  readonly links: Links = new Map()

  related: RelatedRows = (relation, row) => {
    const { via, from, to } = relation
    const rows = this.tables.get(to.name)!
    if (via.kind === 'ref') return rows.filter((one) => one[to.key[0]!] === row[via.field])
    if (via.kind === 'inverse') return rows.filter((one) => one[via.field] === row[from.key[0]!])
    const own = schema.relations(from).get(relation.name)!.via as { table: string; near: string }
    const pairs = this.links.get(own.table)!
    // The pairs are (declaring model's key, other key).
    const declaring = this.declares(relation)
    const keys = pairs
      .filter((pair) => pair[declaring ? 0 : 1] === row[from.key[0]!])
      .map((pair) => pair[declaring ? 1 : 0])
    return rows.filter((one) => keys.includes(one[to.key[0]!]))
  }

  declares(relation: Relation): boolean {
    return (relation.from.fields as Map<string, { kind: string }>).get(relation.name)?.kind === 'manyToMany'
  }
}

async function load(session: Session): Promise<World> {
  const world = new World()
  for (const model of schema.models.values()) world.tables.set(model.name, (await f.queries.find(session, model)).rows)
  for (const table of schema.tables.filter((one) => !one.model)) {
    const [near, far] = table.columns.map((column) => column.name)
    const { rows } = await session.raw(`select "${near}" as a, "${far}" as b from "${table.name}"`, [])
    world.links.set(
      table.name,
      rows.map((row) => [row.a, row.b]),
    )
  }
  return world
}

type Restrict = (model: AnyModel) => Condition | undefined

/** The naive join: what an include means, one row at a time. */
function joined(world: World, model: AnyModel, row: AnyRow, includes: Includes, restrict: Restrict): AnyRow {
  const result = { ...row }
  for (const [name, given] of Object.entries(includes)) {
    const options = given === true ? {} : (given as Record<string, any>)
    const relation = schema.relation(model, options.count ?? options.exists ?? name)!
    const matches = options.where
      ? compileMatcher(parseFilter(schema, relation.to, options.where, { restrict }))
      : () => true
    const rule = restrict(relation.to)
    const visible = rule ? compileMatcher(rule) : () => true
    const rows = world
      .related(relation, row)
      .filter((one) => visible(one, world.related) && matches(one, world.related))
    if (options.count) result[name] = rows.length
    else if (options.exists) result[name] = rows.length > 0
    else {
      const shown = ordered(relation.to, rows, options.sort)
        .slice(0, options.limit)
        .map((one) => {
          const deep = joined(world, relation.to, one, options.include ?? {}, restrict)
          const fields = options.fields as string[] | undefined
          return fields
            ? Object.fromEntries(
                Object.entries(deep).filter(([key]) => fields.includes(key) || key in (options.include ?? {})),
              )
            : deep
        })
      result[name] = relation.many ? shown : (shown[0] ?? null)
    }
  }
  return result
}

function ordered(model: AnyModel, rows: readonly AnyRow[], sort = ''): AnyRow[] {
  const terms = sort ? sort.split(',') : []
  const all = [...terms, `${terms.at(-1)?.startsWith('-') ? '-' : ''}${model.key[0]}`]
  return rows.toSorted((a, b) => {
    for (const term of all) {
      const down = term.startsWith('-')
      const name = down ? term.slice(1) : term
      const [x, y] = [a[name], b[name]]
      if (x === y) continue
      if (x === null || y === null) return x === null ? 1 : -1
      const order = typeof x === 'string' ? compareText(x, y as string) : Number(x) - Number(y)
      if (order !== 0) return down ? -order : order
    }
    return 0
  })
}

const index = fc.nat(30)
const worldOf = fc.record({
  users: fc.integer({ min: 3, max: 4 }),
  tags: fc.integer({ min: 2, max: 4 }),
  profiles: fc.array(fc.boolean(), { minLength: 3, maxLength: 4 }),
  articles: fc.array(
    fc.record({
      author: index,
      editor: fc.option(index, { nil: null }),
      score: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
      tags: fc.uniqueArray(fc.nat(3)),
    }),
    { minLength: 2, maxLength: 6 },
  ),
  comments: fc.array(
    fc.record({
      article: index,
      author: index,
      parent: fc.option(index, { nil: null }),
      body: fc.constantFrom('x', 'y', '"\n'),
    }),
    { minLength: 3, maxLength: 15 },
  ),
  follows: fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 6 }),
  favourites: fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { maxLength: 6 }),
})

async function build(session: Session, made: typeof worldOf extends fc.Arbitrary<infer W> ? W : never): Promise<World> {
  const { queries } = f
  const pick = <T>(list: T[], at: number): T => list[at % list.length]!
  const users = await queries.insertMany(
    session,
    User,
    Array.from({ length: made.users }, (_, at) => ({ name: `u${at}` })),
  )
  const tags = await queries.insertMany(
    session,
    Tag,
    Array.from({ length: made.tags }, (_, at) => ({ name: `t${(at * 7) % 5}` })),
  )
  for (const [at, has] of made.profiles.entries()) {
    if (has && users[at])
      await queries.insert(session, Profile, {
        user: users[at].id,
        bio: at % 2 ? null : 'me',
        avatar: new Uint8Array([at, 255]),
      })
  }
  const articles: AnyRow[] = []
  for (const one of made.articles) {
    const linked = one.tags.flatMap((at) => (tags[at] ? [tags[at].id] : []))
    const editor = one.editor === null ? null : pick(users, one.editor).id
    articles.push(
      await queries.insert(session, Article, {
        title: 'T',
        score: one.score,
        author: pick(users, one.author).id,
        editor,
        tags: linked,
      }),
    )
  }
  const comments: AnyRow[] = []
  for (const one of made.comments) {
    if (articles.length === 0) break
    const parent = one.parent === null || comments.length === 0 ? null : pick(comments, one.parent).id
    comments.push(
      await queries.insert(session, Comment, {
        body: one.body,
        article: pick(articles, one.article).id,
        author: pick(users, one.author).id,
        parent,
      }),
    )
  }
  const linked = (pairs: [number, number][], at: number, rows: AnyRow[]) => [
    ...new Set(pairs.flatMap(([a, b]) => (a === at && rows[b] ? [rows[b].id] : []))),
  ]
  for (const [at, user] of users.entries()) {
    await queries.update(session, User, user.id, {
      follows: linked(made.follows, at, users),
      favourites: linked(made.favourites, at, articles),
    })
  }
  return load(session)
}

const options = (model: AnyModel, many: boolean, depth: number): fc.Arbitrary<any> => {
  const sorts = [...(model.fields as Map<string, { kind: string }>)]
    .filter(
      ([name, field]) => ['text', 'integer', 'serial', 'id', 'timestamp'].includes(field.kind) && name !== 'password',
    )
    .map(([name]) => name)
  const filters: Record<string, object[]> = {
    user: [{ name: { ne: 'u1' } }, { articles: { some: { score: 1 } } }],
    article: [
      { score: { gte: 1 } },
      { author: { name: { ne: 'u0' } } },
      { tags: { none: { name: 't0' } } },
      { comments: { count: { gte: 1 } } },
    ],
    comment: [{ body: 'x' }, { parent: { null: true } }],
    tag: [{ name: { in: ['t0', 't2'] } }],
    profile: [{ bio: null }],
  }
  return fc.record(
    {
      where: fc.constantFrom(...filters[model.name]!),
      ...(many
        ? {
            sort: fc
              .uniqueArray(fc.constantFrom(...sorts), { minLength: 1, maxLength: 2 })
              .chain((names) => fc.tuple(...names.map((name) => fc.boolean().map((down) => (down ? '-' : '') + name))))
              .map((names) => names.join()),
            limit: fc.integer({ min: 1, max: 3 }),
          }
        : {}),
      fields: fc.subarray(['id', sorts[0]!]),
      ...(depth < 4 ? { include: fc.constant(null).chain(() => includesOf(model, depth + 1)) } : {}),
    },
    { requiredKeys: [] },
  )
}

function includesOf(model: AnyModel, depth = 1): fc.Arbitrary<Includes> {
  const relations = [...schema.relations(model).values()].filter((relation) => relation.to.name !== 'vote')
  return fc
    .subarray(relations, { minLength: 1, maxLength: Math.min(relations.length, depth === 1 ? 4 : 2) })
    .chain((chosen) =>
      fc
        .tuple(
          ...chosen.map((relation) =>
            fc.oneof(
              fc.constant([relation.name, true] as const),
              options(relation.to, relation.many, depth).map((one) => [relation.name, one] as const),
              options(relation.to, false, 9).map(
                (one) =>
                  [`n_${relation.name}`, { count: relation.name, ...(one.where ? { where: one.where } : {}) }] as const,
              ),
              options(relation.to, false, 9).map(
                (one) =>
                  [
                    `e_${relation.name}`,
                    { exists: relation.name, ...(one.where ? { where: one.where } : {}) },
                  ] as const,
              ),
            ),
          ),
        )
        .map((entries) => Object.fromEntries(entries) as Includes),
    )
}

const rules: Record<string, object> = {
  user: { name: { ne: 'u2' } },
  comment: { body: { ne: 'y' } },
  tag: { articles: { some: {} } },
}
const policies: fc.Arbitrary<Restrict> = fc.subarray(Object.keys(rules)).map((names) => {
  const conditions = new Map(names.map((name) => [name, where(schema.models.get(name)!, rules[name])]))
  return (model) => conditions.get(model.name)
})

test('includes are what a naive join of the same rows is, in one statement, as rows and as documents', async () => {
  const plain: fc.Arbitrary<Restrict> = fc.constant(() => undefined)
  await fc.assert(
    fc.asyncProperty(
      worldOf,
      fc
        .constantFrom(User, Article, Comment, Tag, Profile)
        .chain((model: AnyModel) => fc.tuple(fc.constant(model), includesOf(model))),
      fc.oneof(plain, policies),
      async (made, [model, include], restrict) => {
        await f.write(async (session) => {
          for (const one of [Comment, Article, Profile, Tag, User])
            await f.queries.deleteMany(session, one, where(one, {}))
          const world = await build(session, made)
          const expected = ordered(model, world.tables.get(model.name)!).map((row) =>
            joined(world, model, row, include, restrict),
          )
          const { session: watched, statements } = counted(session)
          const found = await f.queries.find(watched, model, { include, restrict })
          expect(found.rows).toEqual(expected)
          expect(statements).toHaveLength(1)
          const documents = await f.queries.findJson(watched, model, { include, restrict })
          expect(JSON.parse(documents.json)).toEqual(JSON.parse(JSON.stringify(expected, bytesAsText)))
          expect(statements).toHaveLength(2)
          for (const row of expected.slice(0, 2)) {
            expect(await f.queries.get(watched, model, row.id, { include, restrict })).toEqual(row)
            expect(JSON.parse((await f.queries.getJson(watched, model, row.id, { include, restrict }))!)).toEqual(
              JSON.parse(JSON.stringify(row, bytesAsText)),
            )
          }
        })
      },
    ),
    { numRuns: 200 },
  )
})

function bytesAsText(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

test('computed fields are computed in included rows, and may name what is included', async () => {
  await f.write(async (session) => {
    await f.queries.insert(session, Thing, { label: 'a', secret: 's' })
    expect((await f.queries.find(session, Thing, { fields: ['shout'] })).rows).toEqual([{ shout: 'a!s' }])
    expect(JSON.parse((await f.queries.findJson(session, Thing, { fields: ['shout', 'secret'] })).json)).toEqual([
      { shout: 'a!s', secret: 's' },
    ])
    const user = await f.queries.insert(session, User, { name: 'ann' })
    expect(user).toEqual({ id: user.id, name: 'ann' })
    expect((await f.queries.find(session, User, { fields: ['password'] })).rows).toEqual([{ password: 'x' }])
  })
})

test('five levels and twenty parts are taken, one more of either is not', async () => {
  await f.write(async (session) => {
    const nested = (depth: number): Includes => ({ replies: depth > 1 ? { include: nested(depth - 1) } : true })
    const ask = (include: Includes) => f.queries.find(session, Comment, { include })
    expect((await ask(nested(5))).rows).toEqual([])
    expect(() => ask(nested(6))).toThrow(expect.objectContaining({ code: 'invalid_query' }))
    const wide = (parts: number): Includes =>
      Object.fromEntries(Array.from({ length: parts }, (_, at) => [`n${at}`, { count: 'replies' }]))
    expect((await ask(wide(20))).rows).toEqual([])
    expect(() => ask(wide(21))).toThrow(expect.objectContaining({ code: 'invalid_query' }))
    expect(() => ask({ ...wide(19), author: { include: { articles: true } } })).toThrow(
      expect.objectContaining({ code: 'invalid_query' }),
    )
  })
})

test('an included list without a limit may have 1,000 rows for a parent, and not one more', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    const article = (await f.queries.insert(session, Article, { title: 'x', author })).id
    await f.queries.insertMany(
      session,
      Comment,
      Array.from({ length: 1000 }, () => ({ body: 'x', article, author })),
    )
    const include = { articles: { include: { comments: { fields: ['id'] } } } }
    const { rows } = await f.queries.find(session, User, { include })
    expect(((rows[0]!.articles as AnyRow[])[0]!.comments as AnyRow[]).length).toBe(1000)
    await f.queries.insert(session, Comment, { body: 'x', article, author })
    for (const ask of ['find', 'findJson'] as const) {
      await expect(async () => f.queries[ask](session, User, { include })).rejects.toMatchObject({
        code: 'result_too_large',
      })
    }
    const limited = { comments: { limit: 1001, fields: ['id'] } }
    expect(((await f.queries.get(session, Article, article, { include: limited }))!.comments as AnyRow[]).length).toBe(
      1001,
    )
  })
})

test('what an include can not be is refused with what it can', async () => {
  await f.write(async (session) => {
    const bad: unknown[] = [
      { nothing: true },
      { title: true },
      { tags: 1 },
      { tags: { limt: 1 } },
      { tags: { limit: 0 } },
      { author: { sort: 'name' } },
      { author: { limit: 1 } },
      { tags: { sort: 'colour' } },
      { tags: { fields: ['colour'] } },
      { n: { count: 'nothing' } },
      { title: { count: 'tags' } },
      { 'a b': { count: 'tags' } },
      { n: { count: 'tags', limit: 1 } },
      { n: { count: 1 } },
      { __proto__x: 1 },
    ]
    for (const include of bad) {
      expect(() => f.queries.find(session, Article, { include: include as Includes }), JSON.stringify(include)).toThrow(
        expect.objectContaining({ code: 'invalid_query' }),
      )
    }
    expect(() => f.queries.find(session, Article, { include: { tags: { where: { colour: 1 } } } })).toThrow(
      expect.objectContaining({ code: 'invalid_filter' }),
    )
  })
})

test('an include is worked out for the rows of the page only, also when they must be sorted first', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    await f.queries.insertMany(
      session,
      Article,
      Array.from({ length: 2000 }, (_, at) => ({ title: `${(at * 7919) % 2000}`, author })),
    )
    const { session: watched, statements } = counted(session)
    await f.queries.find(watched, Article, { sort: 'title', limit: 2, include: { author: true } })
    const plan = await planOf(session, statements[0]!, [3, 0])
    if (!isSqlite) {
      // The page is cut off before the author is looked up for what is left.
      expect(plan[0]).toMatch(/^Subquery Scan on t2/)
      expect(plan[1]).toMatch(/^ +-> +Limit/)
      expect(plan.join()).toMatch(/SubPlan 1.*"?user"?/)
      return
    }
    // The page is a subquery of its own: its sort comes before, and outside, the lookup of the author.
    expect(plan[0]).toMatch(/^CO-ROUTINE t2|^MATERIALIZE t2/)
    expect(plan.indexOf('USE TEMP B-TREE FOR ORDER BY')).toBeLessThan(
      plan.findIndex((one) => one.startsWith('SCAN t2')),
    )
  })
})
