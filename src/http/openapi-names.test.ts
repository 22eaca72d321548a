import { expect, test } from 'vitest'
import { createEndpoint } from './endpoint.ts'
import { operationIds, singular, summaryOf, tagsOf, templateOf } from './openapi-names.ts'

const endpoint = createEndpoint<unknown, null>()
const at = (route: string, options = {}) => endpoint(route as 'GET /', { handle: () => 1, ...options })

test.each([
  ['GET /api/articles', 'getArticles', 'Get articles', 'articles'],
  ['POST /api/v1/articles', 'createArticle', 'Create article', 'articles'],
  ['GET /articles/feed', 'getArticlesFeed', 'Get articles feed', 'articles'],
  ['PUT /articles/:slug', 'putArticle', 'Update article', 'articles'],
  ['DELETE /articles/:slug/comments/:id', 'deleteArticleComment', 'Delete article comment', 'articles'],
  ['POST /articles/:slug/comments', 'createArticleComment', 'Create article comment', 'articles'],
  ['POST /articles/:slug/favorite', 'postArticleFavorite', 'Favorite article', 'articles'],
  ['POST /users/login', 'postUsersLogin', 'Login', 'users'],
  ['GET /user', 'getUser', 'Get user', 'user'],
  ['GET /stock-levels', 'getStockLevels', 'Get stock levels', 'stock-levels'],
  ['GET /', 'getRoot', 'Get the root', 'root'],
])('%s is %s, "%s", under %s', (route, id, summary, tag) => {
  const one = at(route)
  expect([...operationIds([one]).values()]).toEqual([id])
  expect(summaryOf(one)).toBe(summary)
  expect(tagsOf(one)).toEqual([tag])
})

test('operation ids are unique: by parameters where words are the same, by number at last', () => {
  const said = at('GET /a', { operationId: 'getB' })
  const all = [at('GET /user'), at('GET /users/:id'), at('GET /api/user'), said, at('GET /b')]
  expect([...operationIds(all).values()]).toEqual(['getUser', 'getUserById', 'getUser2', 'getB', 'getB2'])
})

test.each([
  ['stories', 'story'],
  ['boxes', 'box'],
  ['batches', 'batch'],
  ['news', 'news'],
  ['status', 'status'],
  ['address', 'address'],
  ['ties', 'tie'],
])('of %s, one is a %s', (many, one) => {
  expect(singular(many)).toBe(one)
})

test('a path becomes a template', () => {
  expect(templateOf('/files/:name/parts/*')).toBe('/files/{name}/parts/{rest}')
})
