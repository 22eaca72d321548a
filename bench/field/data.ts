import { bodyAt, itemCount, start, words } from '../item.ts'

/**
 * What every server of this comparison has in its database, and how its answers are made of it: items with their author,
 * and articles with tags and favourites, as the RealWorld API lists them.
 */
export const counts = { authors: 100, items: itemCount, writers: 50, articles: 2000, tags: 30 } as const

export const statuses = ['open', 'closed', 'draft'] as const
export type Status = (typeof statuses)[number]

export const authorAt = (id: number) => ({ id, name: `Author ${id}`, email: `author${id}@example.com` })

export function fieldItemAt(id: number) {
  return {
    id,
    title: `Item ${id} about ${words[id % words.length]}`,
    body: bodyAt(id),
    status: statuses[id % 3]!,
    authorId: 1 + (id % counts.authors),
    createdAt: new Date(start + id * 1000).toISOString(),
  }
}

export const writerAt = (id: number) => ({
  id,
  username: `writer${id}`,
  bio: `Writes of ${words[id % 12]}`,
  image: null,
})

export const tagAt = (id: number) => ({ id, name: `${words[id % 12]}${id}` })

export function articleAt(id: number) {
  const at = new Date(start + id * 60_000).toISOString()
  return {
    id,
    slug: `article-${id}`,
    title: `Article ${id} of ${words[id % 12]}`,
    description: `What ${words[(id + 5) % 12]} have to do with it`,
    body: bodyAt(id),
    authorId: 1 + (id % counts.writers),
    createdAt: at,
    updatedAt: at,
  }
}

/** Three different tags of an article. */
export const tagsOf = (article: number) =>
  [0, 7, 14].map((step) => 1 + ((article + step) % counts.tags)).sort((one, other) => one - other)

/** Whom an article pleases. */
export const fansOf = (article: number) =>
  Array.from({ length: article % 8 }, (_, at) => 1 + ((article * 3 + at) % counts.writers))

/** The newest articles as `GET /articles` shows them to nobody in particular. */
export function articlePage(limit: number) {
  const articles = Array.from({ length: limit }, (_, at) => {
    const { id, slug, title, description, authorId, createdAt, updatedAt } = articleAt(counts.articles - at)
    const { username, bio, image } = writerAt(authorId)
    return {
      slug,
      title,
      description,
      createdAt,
      updatedAt,
      tagList: tagsOf(id)
        .map((tag) => tagAt(tag).name)
        .sort(),
      favorited: false,
      favoritesCount: fansOf(id).length,
      author: { username, bio, image, following: false },
    }
  })
  return { articles, articlesCount: counts.articles }
}
