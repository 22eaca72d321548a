import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import express from 'express'
import { PrismaClient } from './build/prisma/client.ts'
import { file, readyAt } from './listen.ts'
import { Key, List, New } from './schemas.ts'

const adapter = new PrismaBetterSqlite3({ url: `file:${file}` })
const prisma = new PrismaClient({ adapter })
await prisma.$queryRawUnsafe('pragma journal_mode = wal')
await prisma.$executeRawUnsafe('pragma synchronous = full')

const app = express()
app.use(express.json())
app.get('/', (_req, res) => {
  res.json({ hello: 'world' })
})
app.get('/items/:id', async (req, res) => {
  const found = await prisma.item.findUnique({ where: Key.parse(req.params) })
  if (found) res.json(found)
  else res.status(404).json({ error: 'not found' })
})
app.get('/items', async (req, res) => {
  const { include, status, sort, limit } = List.parse(req.query)
  const found = await prisma.item.findMany({
    ...(status && { where: { status } }),
    orderBy: sort === '-createdAt' ? { createdAt: 'desc' } : { id: 'desc' },
    take: limit,
    ...(include && { include: { author: true } }),
  })
  res.json(found)
})
app.post('/items', async (req, res) => {
  const given = New.safeParse(req.body)
  if (!given.success) {
    res.status(422).json({ error: given.error.issues })
    return
  }
  res.status(201).json(await prisma.item.create({ data: { ...given.data, createdAt: new Date().toISOString() } }))
})
app.get('/articles', async (req, res) => {
  const { limit } = List.parse(req.query)
  const found = await prisma.article.findMany({
    omit: { body: true },
    include: {
      author: { select: { username: true, bio: true, image: true } },
      tags: { include: { tag: true } },
      _count: { select: { favorites: true } },
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit,
  })
  const articles = found.map(({ id: _, authorId: __, author, tags, _count, ...rest }) => ({
    ...rest,
    tagList: tags.map(({ tag }) => tag.name).sort(),
    favorited: false,
    favoritesCount: _count.favorites,
    author: { ...author, following: false },
  }))
  res.json({ articles, articlesCount: await prisma.article.count() })
})

const server = app.listen(0, '127.0.0.1', () => readyAt(server)())
