import Database from 'better-sqlite3'

export interface NewItem {
  title: string
  body: string
  status: string
  authorId: number
}

/** SQL as who knows SQLite well writes it by hand: statements prepared once, no query in a loop. */
export function openByHand(file: string) {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('cache_size = -65536')
  const columns = 'i.id, i.title, i.body, i.status, i.authorId, i.createdAt'
  const one = db.prepare(`select ${columns} from item i where i.id = ?`)
  const newest = db.prepare(`select ${columns} from item i order by i.id desc limit ?`)
  const byStatus = db.prepare(`select ${columns} from item i where i.status = ? order by i.createdAt desc limit ?`)
  const withAuthor = db.prepare(
    `select ${columns}, a.name as authorName, a.email as authorEmail
     from item i join author a on a.id = i.authorId order by i.id desc limit ?`,
  )
  const add = db.prepare(
    `insert into item (title, body, status, authorId, createdAt) values (?, ?, ?, ?, ?)
     returning id, title, body, status, authorId, createdAt`,
  )
  const articles = db.prepare(
    `select a.id, a.slug, a.title, a.description, a.createdAt, a.updatedAt, w.username, w.bio, w.image,
       (select count(*) from favorite f where f.articleId = a.id) as favoritesCount,
       (select json_group_array(name order by name) from article_tag x join tag t on t.id = x.tagId
        where x.articleId = a.id) as tagList
     from article a join writer w on w.id = a.authorId order by a.createdAt desc, a.id desc limit ?`,
  )
  const articleCount = db.prepare('select count(*) from article').pluck()
  return {
    item: (id: number) => one.get(id),
    items({ include, status, limit }: { include?: 'author'; status?: string; limit: number }) {
      if (status !== undefined) return byStatus.all(status, limit)
      if (include === undefined) return newest.all(limit)
      return (withAuthor.all(limit) as any[]).map(({ authorName, authorEmail, ...item }) => ({
        ...item,
        author: { id: item.authorId, name: authorName, email: authorEmail },
      }))
    },
    add: ({ title, body, status, authorId }: NewItem) =>
      add.get(title, body, status, authorId, new Date().toISOString()),
    articles: (limit: number) => ({
      articles: (articles.all(limit) as any[]).map(({ id: _, username, bio, image, tagList, ...article }) => ({
        ...article,
        tagList: JSON.parse(tagList),
        favorited: false,
        author: { username, bio, image, following: false },
      })),
      articlesCount: articleCount.get(),
    }),
  }
}
