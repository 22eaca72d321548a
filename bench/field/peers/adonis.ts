import 'reflect-metadata'
import { Ignitor } from '@adonisjs/core'
import { defineConfig as bodies } from '@adonisjs/core/bodyparser'
import { drivers, defineConfig as encryption } from '@adonisjs/core/encryption'
import type { HttpContext } from '@adonisjs/core/http'
import { ExceptionHandler, defineConfig as http } from '@adonisjs/core/http'
import { defineConfig as loggers } from '@adonisjs/core/logger'
import { defineConfig as databases } from '@adonisjs/lucid'
import { BaseModel, belongsTo, CamelCaseNamingStrategy, column, manyToMany } from '@adonisjs/lucid/orm'
import type { BelongsTo, ManyToMany } from '@adonisjs/lucid/types/relations'
import vine from '@vinejs/vine'

BaseModel.namingStrategy = new CamelCaseNamingStrategy()

class Author extends BaseModel {
  static table = 'author'
  @column({ isPrimary: true }) declare id: number
  @column() declare name: string
  @column() declare email: string
}

class Item extends BaseModel {
  static table = 'item'
  @column({ isPrimary: true }) declare id: number
  @column() declare title: string
  @column() declare body: string
  @column() declare status: string
  @column({ columnName: 'authorId' }) declare authorId: number
  @belongsTo(() => Author, { foreignKey: 'authorId' }) declare author: BelongsTo<typeof Author>
  @column({ columnName: 'createdAt' }) declare createdAt: string
}

class Writer extends BaseModel {
  static table = 'writer'
  @column({ isPrimary: true }) declare id: number
  @column() declare username: string
  @column() declare bio: string | null
  @column() declare image: string | null
}

class Tag extends BaseModel {
  static table = 'tag'
  @column({ isPrimary: true }) declare id: number
  @column() declare name: string
}

class Article extends BaseModel {
  static table = 'article'
  @column({ isPrimary: true }) declare id: number
  @column() declare slug: string
  @column() declare title: string
  @column() declare description: string
  @column({ columnName: 'authorId' }) declare authorId: number
  @belongsTo(() => Writer, { foreignKey: 'authorId' }) declare author: BelongsTo<typeof Writer>
  @manyToMany(() => Tag, {
    pivotTable: 'article_tag',
    pivotForeignKey: 'articleId',
    pivotRelatedForeignKey: 'tagId',
  })
  declare tags: ManyToMany<typeof Tag>
  @manyToMany(() => Writer, {
    pivotTable: 'favorite',
    pivotForeignKey: 'articleId',
    pivotRelatedForeignKey: 'writerId',
  })
  declare fans: ManyToMany<typeof Writer>
  @column({ columnName: 'createdAt' }) declare createdAt: string
  @column({ columnName: 'updatedAt' }) declare updatedAt: string
}

const List = vine.create({
  include: vine.enum(['author']).optional(),
  status: vine.enum(['open', 'closed', 'draft']).optional(),
  sort: vine.enum(['-id', '-createdAt']).optional(),
  limit: vine.number().withoutDecimals().range([1, 100]),
})
const New = vine.create({
  title: vine.string().minLength(1).maxLength(200),
  body: vine.string().maxLength(10_000),
  status: vine.enum(['open', 'closed', 'draft']),
  authorId: vine.number().withoutDecimals().min(1),
})

class ItemsController {
  async show({ params }: HttpContext) {
    return await Item.findOrFail(params.id)
  }

  async index({ request }: HttpContext) {
    const { include, status, sort, limit } = await request.validateUsing(List, { data: request.qs() })
    return await Item.query()
      .if(status, (query) => query.where('status', status!))
      .if(include, (query) => query.preload('author'))
      .orderBy(sort === '-createdAt' ? 'createdAt' : 'id', 'desc')
      .limit(limit)
  }

  async store({ request, response }: HttpContext) {
    const given = await request.validateUsing(New)
    response.created(await Item.create({ ...given, createdAt: new Date().toISOString() }))
  }
}

class ArticlesController {
  async index({ request }: HttpContext) {
    const { limit } = await request.validateUsing(List, { data: request.qs() })
    const found = await Article.query()
      .preload('author')
      .preload('tags', (query) => query.orderBy('name'))
      .withCount('fans')
      .orderBy('createdAt', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
    const count = await Article.query().count('* as total').first()
    const articles = found.map(({ slug, title, description, createdAt, updatedAt, author, tags, $extras }) => ({
      slug,
      title,
      description,
      createdAt,
      updatedAt,
      tagList: tags.map(({ name }) => name),
      favorited: false,
      favoritesCount: $extras.fans_count,
      author: { username: author.username, bio: author.bio, image: author.image, following: false },
    }))
    return { articles, articlesCount: count!.$extras.total }
  }
}

class Handler extends ExceptionHandler {
  protected debug = false
}

// As in its starter kit for APIs.
class ForceJson {
  handle({ request }: HttpContext, next: () => Promise<void>) {
    request.headers().accept = 'application/json'
    return next()
  }
}

async function routes(): Promise<void> {
  const { default: router } = await import('@adonisjs/core/services/router')
  const { default: server } = await import('@adonisjs/core/services/server')
  server.errorHandler(async () => ({ default: Handler }))
  server.use([async () => ({ default: ForceJson })])
  router.use([() => import('@adonisjs/core/bodyparser_middleware')])
  router.get('/', () => ({ hello: 'world' }))
  router.get('/items/:id', [ItemsController, 'show']).where('id', router.matchers.number())
  router.get('/items', [ItemsController, 'index'])
  router.post('/items', [ItemsController, 'store'])
  router.get('/articles', [ArticlesController, 'index'])
}

// It would tell its parent the port that was asked for, which is 0.
const say = process.send!.bind(process)
process.send = undefined
process.env.HOST = '127.0.0.1'
process.env.PORT = '0'
const ignitor = new Ignitor(new URL('./', import.meta.url), { importer: (file) => import(file) }).tap((app) => {
  app.rcContents({
    providers: [
      () => import('@adonisjs/core/providers/app_provider'),
      () => import('@adonisjs/core/providers/vinejs_provider'),
      () => import('@adonisjs/lucid/database_provider'),
    ],
    preloads: [routes],
  } as never)
  app.useConfig({
    app: { appUrl: 'http://127.0.0.1', http: http({}) },
    bodyparser: bodies({}),
    encryption: encryption({
      default: 'gcm',
      list: { gcm: drivers.aes256gcm({ id: 'gcm', keys: ['a key of the bench that is long enough'] }) },
    }),
    logger: loggers({ default: 'app', loggers: { app: { enabled: false } } }),
    database: databases({
      connection: 'sqlite',
      connections: {
        sqlite: {
          client: 'better-sqlite3',
          connection: { filename: process.argv[2]! },
          useNullAsDefault: true,
          pool: {
            afterCreate(connection: { pragma(text: string): void }, done: () => void) {
              connection.pragma('journal_mode = WAL')
              connection.pragma('synchronous = FULL')
              done()
            },
          },
        },
      },
    } as never),
  })
})
await ignitor.httpServer().start()
const server = await ignitor.getApp()!.container.make('server')
say({ port: (server.getNodeServer()!.address() as { port: number }).port })
process.on('disconnect', () => process.exit())
process.on('SIGTERM', () => process.exit())
