import { password, type SystemDb } from 'monobloc'
import { Article, Comment, type models, Tag, User } from '../models.ts'

const names = 'ada bo cleo dan eve finn gus hana ines jo kai lena max nora omar pia quin rosa sam tess'.split(' ')
const topics = 'rivers bread bicycles glass maps bees trains salt paper clocks gardens bridges'.split(' ')
const views = ['A short history of', 'In praise of', 'The trouble with', 'Ten years of', 'The quiet craft of']
const day = 24 * 60 * 60 * 1000

/** People, articles and comments for a first look; everyone signs in with the password `password`. */
export async function seed(db: SystemDb<typeof models, typeof User>) {
  const hash = await password.hash('password')
  await db.transaction(async (db) => {
    const people = await db.insert(
      User,
      names.map((name) => person(name, hash)),
    )
    const tags = await db.insert(
      Tag,
      topics.map((name) => ({ name })),
    )
    const articles = await db.insert(
      Article,
      Array.from({ length: 1000 }, (_, at) => ({
        ...essay(at),
        author: people[at % people.length]!.id,
        tags: [tags[at % tags.length]!.id, tags[(at * 5 + 1) % tags.length]!.id].filter(isFirst),
      })),
    )
    const comments = articles.flatMap((article, at) =>
      people.slice(0, at % 4).map((author) => remark(article.id, author.id)),
    )
    await db.insert(Comment, comments)
    for (const [at, { id }] of people.entries()) {
      const following = people.filter((_, other) => other !== at && (other + at) % 3 === 0).map((other) => other.id)
      const favorites = articles.filter((_, n) => (n * 13 + at * 5) % 29 === 0).map((article) => article.id)
      await db.update(User, id, { following, favorites })
    }
  })
}

function person(username: string, password: string) {
  return { username, email: `${username}@example.com`, password, bio: `${username} likes ${topics[username.length]}.` }
}

function essay(at: number) {
  const topic = topics[at % topics.length]!
  const title = `${views[at % views.length]} ${topic}, part ${1 + Math.floor(at / topics.length)}`
  const body = `Some words about ${topic}.\n\nWhoever looks at ${topic} long enough sees ${topics[(at * 7) % 12]} too.`
  const createdAt = new Date(Date.now() - (1000 - at) * day)
  const slug = `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${at}`
  return { slug, title, description: `On ${topic}`, body, createdAt, updatedAt: createdAt }
}

function remark(article: string, author: string) {
  return { body: 'I see it with other eyes now.', article, author }
}

function isFirst(value: unknown, at: number, all: unknown[]) {
  return all.indexOf(value) === at
}
