import Database from 'better-sqlite3'
import { desc, relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import express from 'express'
import { file, readyAt } from './listen.ts'
import { Key, List, New } from './schemas.ts'

const id = () => integer().primaryKey({ autoIncrement: true })
const author = sqliteTable('author', { id: id(), name: text().notNull(), email: text().notNull() })
const item = sqliteTable('item', {
  id: id(),
  title: text().notNull(),
  body: text().notNull(),
  status: text().notNull(),
  authorId: integer().notNull(),
  createdAt: text().notNull(),
})
const writer = sqliteTable('writer', { id: id(), username: text().notNull(), bio: text(), image: text() })
const tag = sqliteTable('tag', { id: id(), name: text().notNull() })
const article = sqliteTable('article', {
  id: id(),
  slug: text().notNull(),
  title: text().notNull(),
  description: text().notNull(),
  body: text().notNull(),
  authorId: integer().notNull(),
  createdAt: text().notNull(),
  updatedAt: text().notNull(),
})
const articleTag = sqliteTable('article_tag', { articleId: integer().notNull(), tagId: integer().notNull() }, (t) => [
  primaryKey({ columns: [t.articleId, t.tagId] }),
])
const itemRelations = relations(item, ({ one }) => ({
  author: one(author, { fields: [item.authorId], references: [author.id] }),
}))
const articleRelations = relations(article, ({ one, many }) => ({
  author: one(writer, { fields: [article.authorId], references: [writer.id] }),
  tags: many(articleTag),
}))
const articleTagRelations = relations(articleTag, ({ one }) => ({
  article: one(article, { fields: [articleTag.articleId], references: [article.id] }),
  tag: one(tag, { fields: [articleTag.tagId], references: [tag.id] }),
}))

const client = new Database(file)
client.pragma('journal_mode = WAL')
client.pragma('synchronous = FULL')
const schema = { author, item, writer, tag, article, articleTag, itemRelations, articleRelations, articleTagRelations }
const db = drizzle(client, { schema })

const app = express()
app.use(express.json())
app.get('/', (_req, res) => {
  res.json({ hello: 'world' })
})
app.get('/items/:id', async (req, res) => {
  const { id } = Key.parse(req.params)
  const found = await db.query.item.findFirst({ where: (row, { eq }) => eq(row.id, id) })
  if (found) res.json(found)
  else res.status(404).json({ error: 'not found' })
})
app.get('/items', async (req, res) => {
  const { include, status, sort, limit } = List.parse(req.query)
  const found = await db.query.item.findMany({
    where: status === undefined ? undefined : (row, { eq }) => eq(row.status, status),
    orderBy: sort === '-createdAt' ? [desc(item.createdAt)] : [desc(item.id)],
    limit,
    ...(include && { with: { author: true } }),
  })
  res.json(found)
})
app.post('/items', async (req, res) => {
  const given = New.safeParse(req.body)
  if (!given.success) {
    res.status(422).json({ error: given.error.issues })
    return
  }
  const [made] = await db
    .insert(item)
    .values({ ...given.data, createdAt: new Date().toISOString() })
    .returning()
  res.status(201).json(made)
})
app.get('/articles', async (req, res) => {
  const { limit } = List.parse(req.query)
  const found = await db.query.article.findMany({
    columns: { body: false },
    with: { author: true, tags: { with: { tag: true } } },
    extras: {
      favoritesCount: sql<number>`(select count(*) from favorite f where f.articleId = article.id)`.as(
        'favoritesCount',
      ),
    },
    orderBy: [desc(article.createdAt), desc(article.id)],
    limit,
  })
  const articles = found.map(({ id: _, authorId: __, author, tags, ...rest }) => ({
    ...rest,
    tagList: tags.map(({ tag }) => tag.name).sort(),
    favorited: false,
    author: { username: author.username, bio: author.bio, image: author.image, following: false },
  }))
  res.json({ articles, articlesCount: await db.$count(article) })
})

const server = app.listen(0, '127.0.0.1', () => readyAt(server)())
