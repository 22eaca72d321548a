import { z } from 'zod'
import { t } from '../../src/schema/builder.ts'
import { model } from '../../src/schema/model.ts'
import type { Key } from '../../src/schema/types.ts'
import type {
  Aggregated,
  AggregateOptions,
  Database,
  FieldNames,
  FindOptions,
  Found,
  GetOptions,
  Include,
  SearchFound,
  SearchOptions,
} from '../../src/storage/index.ts'

const User = model('user', {
  id: t.id(),
  name: t.text().unique(),
  password: t.text().writeOnly(),
  get follows() {
    return t.manyToMany(User, { inverse: 'followers' })
  },
})
const Profile = model('profile', {
  id: t.serial(),
  bio: t.text().nullable(),
  user: t.ref(User, { inverse: 'profile' }).unique(),
})
const Tag = model('tag', { id: t.id(), name: t.text() })
const Article = model(
  'article',
  {
    id: t.id(),
    title: t.text(),
    price: t.decimal(10, 2).nullable(),
    views: t.bigint(),
    score: t.integer(),
    data: t.json(z.object({ a: z.number() })),
    shout: t.virtual(z.string(), (row) => row.title),
    get author() {
      return t.ref(User, { inverse: 'articles' })
    },
    get editor() {
      return t.ref(User, { inverse: 'edited' }).nullable()
    },
    tags: t.manyToMany(Tag, { inverse: 'articles' }),
    createdAt: t.createdAt(),
  },
  { search: ['title'] },
)
const Comment = model('comment', {
  id: t.serial(),
  body: t.text(),
  article: t.ref(Article, { inverse: 'comments' }),
  get parent() {
    return t.ref(Comment, { inverse: 'replies' }).nullable()
  },
})

type Ms = {
  User: typeof User
  Profile: typeof Profile
  Tag: typeof Tag
  Article: typeof Article
  Comment: typeof Comment
}
type Empty = Record<never, never>
type AnyOf = Ms[keyof Ms]

declare function get<M extends AnyOf, const F extends FieldNames<M> = never, const I extends Include<Ms, M> = Empty>(
  model: M,
  key: Key<M>,
  options?: GetOptions<Ms, M, F, I>,
): Found<Ms, M, { fields: F[]; include: I }>
declare function find<M extends AnyOf, const F extends FieldNames<M> = never, const I extends Include<Ms, M> = Empty>(
  model: M,
  options?: FindOptions<Ms, M, F, I>,
): Found<Ms, M, { fields: F[]; include: I }>[]
declare function aggregate<M extends AnyOf, const O extends AggregateOptions<Ms, M>>(
  model: M,
  options: O,
): Aggregated<M, O>[]
declare function search<M extends AnyOf, const O extends SearchOptions<Ms, M>>(
  model: M,
  text: string,
  options?: O,
): SearchFound<Ms, M, O>[]

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Shown<T> = { [K in keyof T]: T[K] }

// Rows: every visible field, or those that are named.
const plain = find(Article)[0]!
plain.title satisfies string
plain.author satisfies string
plain.views satisfies bigint
plain.price satisfies string | null
plain.shout satisfies string
plain.data.a satisfies number
// @ts-expect-error links are no fields of a row
plain.tags
// @ts-expect-error write-only
find(User)[0]!.password
const narrow = find(User, { fields: ['name', 'password'] })[0]!
true satisfies Same<Shown<typeof narrow>, { name: string; password: string }>
// @ts-expect-error no such field
find(User, { fields: ['nam'] })

// Deleted rows are asked for at each level.
find(Article, {
  withDeleted: true,
  include: { author: { withDeleted: true }, n: { count: 'comments', withDeleted: true } },
})
aggregate(Article, { count: true, withDeleted: true })
search(Article, 'x', { withDeleted: true })
// @ts-expect-error no such option
find(Article, { withDelete: true })
// @ts-expect-error no such option
find(Article, { include: { author: { withDelete: true } } })
const Draft = model('draft', { id: t.id(), deletedAt: t.deletedAt({ purgeAfter: '30d' }) })
true satisfies Same<Shown<Found<{ Draft: typeof Draft }, typeof Draft>>, { id: string; deletedAt: Date | null }>
// @ts-expect-error no duration
t.deletedAt({ purgeAfter: '30 days' })

// Relations take the place of keys and of nothing.
const full = get(Article, 'x', {
  include: {
    author: true,
    editor: { fields: ['name'] },
    tags: { sort: 'name', limit: 3 },
    comments: { sort: ['-id'], where: { body: 'x' }, include: { parent: { include: { replies: true } } } },
    favourites: { count: 'tags', where: { name: 'x' } },
    mine: { exists: 'author', where: { name: 'ann' } },
  },
})
full.title satisfies string
full.author.name satisfies string
true satisfies Same<Shown<NonNullable<typeof full.editor>>, { name: string }>
null satisfies typeof full.editor
full.tags[0]!.name satisfies string
full.comments[0]!.parent!.replies[0]!.body satisfies string
full.comments[0]!.article satisfies string
full.favourites satisfies number
full.mine satisfies boolean
// @ts-expect-error a relation, not a key
full.author satisfies string
// @ts-expect-error may be null
full.comments[0]!.parent.id
// @ts-expect-error not asked for
full.author.articles
const one = find(User, {
  include: { profile: true, followers: { fields: ['id'] }, articles: { include: { author: true } } },
})[0]!
one.profile?.bio satisfies string | null | undefined
one.followers[0]!.id satisfies string
one.articles[0]!.author.name satisfies string
find(Comment, { include: { article: { where: { title: 'x' } } } })[0]!.article satisfies { id: string } | null

// What does not exist does not compile, at any depth.
// @ts-expect-error
find(Article, { include: { autor: true } })
// @ts-expect-error a field is no relation
find(Article, { include: { title: true } })
// @ts-expect-error
find(Article, { include: { author: { include: { article: true } } } })
// @ts-expect-error
find(Article, { include: { tags: { limt: 1 } } })
// @ts-expect-error
find(Article, { include: { tags: { sort: 'nam' } } })
// @ts-expect-error
find(Article, { include: { tags: { fields: ['nam'] } } })
// @ts-expect-error
find(Article, { include: { tags: { where: { nam: 'x' } } } })
// @ts-expect-error
find(Article, { include: { comments: { include: { parent: { where: { body: 5 } } } } } })
// @ts-expect-error
find(Article, { include: { n: { count: 'tag' } } })
// @ts-expect-error
find(Article, { include: { n: { exists: 'tags', where: { nam: 1 } } } })
// @ts-expect-error
find(Article, { include: { n: { counts: 'tags' } } })

find(Article, {
  where: { author: { name: 'x' }, score: { gte: 1 } },
  sort: ['-createdAt', 'title'],
  limit: 3,
  after: 'x',
  offset: 1,
  search: 'x',
})
// @ts-expect-error
find(Article, { where: { autor: 'x' } })
// @ts-expect-error
find(Article, { where: { score: 'x' } })
// @ts-expect-error
find(Article, { sort: '-created' })
// @ts-expect-error
find(Article, { sort: 'tags' })
// @ts-expect-error
find(Article, { limits: 1 })

// Groups.
const group = aggregate(Article, {
  by: ['author', 'editor'],
  count: true,
  sum: ['price', 'views', 'score'],
  avg: ['price', 'score'],
  min: ['title', 'createdAt'],
  max: ['price'],
})[0]!
group.author satisfies string
group.editor satisfies string | null
group.count satisfies number
true satisfies
  | Same<
      Shown<typeof group.sum>,
      { readonly price: string | null; readonly views: bigint | null; readonly score: number | null }
    >
  | Same<Shown<typeof group.sum>, { price: string | null; views: bigint | null; score: number | null }>
group.avg.price satisfies string | null
group.avg.score satisfies number | null
group.min.createdAt satisfies Date | null
// @ts-expect-error not asked for
group.max.title
// @ts-expect-error not asked for
aggregate(Article, { by: ['title'] })[0]!.count
// @ts-expect-error no number
aggregate(Article, { sum: ['title'] })
// @ts-expect-error
aggregate(Article, { by: ['tags'] })
// @ts-expect-error
aggregate(Article, { where: { nothing: 1 }, count: true })

// Hits.
const hit = search(Article, 'x', { highlight: true, include: { author: true } })[0]!
hit.row.author.name satisfies string
hit.highlights.title satisfies string | null | undefined
hit.snippet satisfies string
hit.rank satisfies number
// @ts-expect-error not asked for
search(Article, 'x')[0]!.highlights
search(Article, 'x', { fields: ['title'] })[0]!.row.title satisfies string
// @ts-expect-error not asked for
search(Article, 'x', { fields: ['title'] })[0]!.row.id

// Tables as they are stored.
type Db = Database<Ms>
true satisfies Same<
  keyof Db & string,
  'user' | 'profile' | 'tag' | 'article' | 'comment' | 'article_tags' | 'user_follows'
>
const stored: Db['article'] = null!
stored.author satisfies string
stored.createdAt satisfies string
stored.views satisfies number | bigint
// @ts-expect-error no column
stored.tags
// @ts-expect-error no column
stored.shout
const link: Db['user_follows'] = null!
link.user satisfies string
link.user_follows satisfies string
