import type { AddressInfo } from 'node:net'
import { feathers } from '@feathersjs/feathers'
import { KnexService } from '@feathersjs/knex'
import { bodyParser, errorHandler, koa, parseAuthentication, rest } from '@feathersjs/koa'
import { Ajv, getValidator, hooks, querySyntax, resolve, virtual } from '@feathersjs/schema'
import knexModule from 'knex'
import { file, ready } from './listen.ts'

const knex = knexModule.knex({ client: 'better-sqlite3', connection: { filename: file }, useNullAsDefault: true })
await knex.raw('pragma journal_mode = wal')
await knex.raw('pragma synchronous = full')

const app = koa(feathers()) as any
app.use(errorHandler())
app.use(parseAuthentication())
app.use(bodyParser())
app.configure(rest())

const service = (name: string) => new (KnexService as any)({ Model: knex, name })

const text = { type: 'string' }
const properties = {
  id: { type: 'integer' },
  title: { type: 'string', minLength: 1, maxLength: 200 },
  body: { type: 'string', maxLength: 10_000 },
  status: { type: 'string', enum: ['open', 'closed', 'draft'] },
  authorId: { type: 'integer', minimum: 1 },
  createdAt: text,
}
const validateNew = getValidator(
  {
    $id: 'NewItem',
    type: 'object',
    additionalProperties: false,
    required: ['title', 'body', 'status', 'authorId'],
    properties: {
      title: properties.title,
      body: properties.body,
      status: properties.status,
      authorId: properties.authorId,
    },
  } as never,
  new Ajv({}),
)
const validateQuery = getValidator(
  {
    $id: 'ItemQuery',
    type: 'object',
    additionalProperties: false,
    properties: { ...querySyntax(properties as never), include: text },
  } as never,
  new Ajv({ coerceTypes: true }),
)
const createResolver = resolve<any, any>({ createdAt: async () => new Date().toISOString() })
// As Feathers' guide adds the user to a message.
const authorResolver = resolve<any, any>({
  author: virtual(async (item: any, context: any) => context.app.service('authors').get(item.authorId)),
})
const wantsAuthor = async (context: any, next: () => Promise<void>) => {
  const { include, ...query } = context.params.query ?? {}
  context.params.query = query
  await next()
  if (include === 'author') await hooks.resolveResult(authorResolver as never)(context, async () => {})
}

app.use('/authors', service('author'))
app.use('/items', service('item'))
app.service('items').hooks({
  around: { find: [wantsAuthor] },
  before: {
    find: [hooks.validateQuery(validateQuery as never)],
    create: [hooks.validateData(validateNew as never), hooks.resolveData(createResolver as never)],
  },
})

app.use('/writers', service('writer'))
app.use('/tags', service('tag'))
app.use('/articles', {
  async find({ query }: any) {
    const limit = Number(query.limit ?? 20)
    const rows = await knex('article')
      .select('id', 'slug', 'title', 'description', 'authorId', 'createdAt', 'updatedAt')
      .orderBy([
        { column: 'createdAt', order: 'desc' },
        { column: 'id', order: 'desc' },
      ])
      .limit(limit)
    const ids = rows.map(({ id }) => id)
    const [writers, tags, favorites, count] = await Promise.all([
      knex('writer').whereIn(
        'id',
        rows.map(({ authorId }) => authorId),
      ),
      knex('article_tag').join('tag', 'tag.id', 'article_tag.tagId').whereIn('articleId', ids),
      knex('favorite').select('articleId').count({ n: '*' }).whereIn('articleId', ids).groupBy('articleId'),
      knex('article').count({ n: '*' }),
    ])
    const articles = rows.map(({ id, authorId, ...rest }) => {
      const { username, bio, image } = writers.find((writer) => writer.id === authorId)
      return {
        ...rest,
        tagList: tags
          .filter((tag) => tag.articleId === id)
          .map(({ name }) => name)
          .sort(),
        favorited: false,
        favoritesCount: Number(favorites.find((one) => one.articleId === id)?.n ?? 0),
        author: { username, bio, image, following: false },
      }
    })
    return { articles, articlesCount: Number(count[0]!.n) }
  },
})
app.use('/', { find: async () => ({ hello: 'world' }) })

const server = await app.listen(0, '127.0.0.1')
const begin = () => ready((server.address() as AddressInfo).port)
if (server.listening) begin()
else server.once('listening', begin)
