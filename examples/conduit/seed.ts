import { password, type SystemDb } from 'monobloc'
import { Article, Comment, type models, Tag, User } from './models.ts'

const names = [
  'ada',
  'bo',
  'cleo',
  'dan',
  'eve',
  'finn',
  'gus',
  'hana',
  'ines',
  'jo',
  'kai',
  'lena',
  'max',
  'nora',
  'omar',
  'pia',
  'quin',
  'rosa',
  'sam',
  'tess',
]
const topics = [
  'rivers',
  'bread',
  'bicycles',
  'glass',
  'maps',
  'bees',
  'trains',
  'salt',
  'paper',
  'clocks',
  'gardens',
  'bridges',
]
const views = [
  'A short history of',
  'What I learned from',
  'In praise of',
  'The trouble with',
  'Ten years of',
  'A beginner meets',
  'Why I left',
  'The quiet craft of',
]
const day = 24 * 60 * 60 * 1000

/** People, articles and comments for a first look; everyone signs in with the same password. */
export async function seed(db: SystemDb<typeof models, typeof User>) {
  const hash = await password.hash('password')
  await db.transaction(async (db) => {
    const people = await db.insert(
      User,
      names.map((username) => ({
        username,
        email: `${username}@example.com`,
        password: hash,
        bio: `${username} writes about ${topics[username.length % 12]}.`,
      })),
    )
    const tags = await db.insert(
      Tag,
      topics.map((name) => ({ name })),
    )
    const start = Date.now() - 1000 * day
    const written = await db.insert(
      Article,
      Array.from({ length: 1000 }, (_, at) => {
        const topic = at % 12
        const title = `${views[at % 8]} ${topics[topic]}, part ${1 + Math.floor(at / 24)}`
        const createdAt = new Date(start + at * day)
        const body = `Some words about ${topics[topic]}.\n\nWhoever looks long enough at ${topics[topic]} finds ${topics[(at * 7) % 12]}.`
        return {
          slug: `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${at}`,
          title,
          description: `On ${topics[topic]}`,
          body,
          author: people[at % 20]!.id,
          tags: [tags[topic]!.id],
          createdAt,
          updatedAt: createdAt,
        }
      }),
    )
    await db.insert(
      Comment,
      written.flatMap((article, at) =>
        Array.from({ length: at % 4 }, (_, n) => ({
          body: `I see ${topics[(at + n) % 12]} with other eyes now.`,
          article: article.id,
          author: people[(at + n + 1) % 20]!.id,
        })),
      ),
    )
    for (const [at, person] of people.entries()) {
      const others = people.filter((_, other) => other !== at && (other + at) % 3 === 0)
      const liked = written.filter((_, n) => (n * 13 + at * 5) % 29 === 0)
      await db.update(User, person.id, {
        following: others.map((other) => other.id),
        favorites: liked.map((article) => article.id),
      })
    }
  })
}
