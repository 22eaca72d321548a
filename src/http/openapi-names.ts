import type { Endpoint } from './endpoint.ts'

/** `article-tag` and `articleTag` become `ArticleTag`; empty where there is no letter of a component's name in it. */
export function pascal(text: string): string {
  return wordsOf(text)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('')
}

function wordsOf(text: string): string[] {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
}

const unchanged = /(?:ss|us|is|news|series|species)$/i

/** One of what an English plural names: `stories` → `story`. What is no plural stays. */
export function singular(word: string): string {
  if (!word.endsWith('s') || unchanged.test(word)) return word
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`
  return /(?:s|x|z|ch|sh)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1)
}

const notNaming = /^(?:api|v\d+(?:\.\d+)*)$/i
const isParameter = (segment: string) => segment.startsWith(':') || segment === '*'

/** The segments of a path that say what it is about: without `api` and versions in front. */
export function namingSegments(path: string): string[] {
  const segments = path.split('/').filter((segment) => segment !== '')
  while (segments.length > 0 && notNaming.test(segments[0]!)) segments.shift()
  return segments
}

/** The words of a path: a collection of which one is chosen is in the singular. `/articles/:slug/comments`: Article, Comments. */
function nouns(path: string): string[] {
  const segments = namingSegments(path)
  return segments.flatMap((segment, at) => {
    if (isParameter(segment)) return []
    const next = segments[at + 1]
    return [next !== undefined && isParameter(next) ? singular(segment) : segment]
  })
}

/** A POST to a collection makes one of it; to anything else it does something: `POST /users/login`. */
function isCreation({ method, path }: Endpoint): boolean {
  const last = namingSegments(path).at(-1)
  return method === 'POST' && last !== undefined && !isParameter(last) && last !== singular(last)
}

/** `GET /api/articles/:slug/comments` → `getArticleComments`, `POST /api/articles` → `createArticle`. */
function plainOperationId(endpoint: Endpoint): string {
  const words = nouns(endpoint.path)
  if (isCreation(endpoint)) words.push(singular(words.pop()!))
  const verb = isCreation(endpoint) ? 'create' : endpoint.method.toLowerCase()
  return `${verb}${words.map(pascal).join('') || 'Root'}`
}

/** With its parameters, which tells `GET /users/:id` from `GET /user`: `getUserById`. */
function fullOperationId(endpoint: Endpoint): string {
  const parameters = namingSegments(endpoint.path).filter(isParameter)
  if (parameters.length === 0) return plainOperationId(endpoint)
  return `${plainOperationId(endpoint)}By${parameters.map((name) => pascal(name) || 'Rest').join('And')}`
}

/**
 * A name for each operation: what the endpoint says, or one from its method and path. One that several would have is
 * told apart by the parameters of the path, and as a last resort by a number.
 */
export function operationIds(endpoints: readonly Endpoint[]): Map<Endpoint, string> {
  const taken = new Set(endpoints.flatMap(({ options }) => options.operationId ?? []))
  const wanted = new Map<string, number>()
  for (const endpoint of endpoints) {
    const id = plainOperationId(endpoint)
    wanted.set(id, (wanted.get(id) ?? 0) + 1)
  }
  const ids = new Map<Endpoint, string>()
  const given = new Set<string>()
  for (const endpoint of endpoints) {
    const plain = plainOperationId(endpoint)
    const base = wanted.get(plain)! > 1 || taken.has(plain) ? fullOperationId(endpoint) : plain
    let id = endpoint.options.operationId ?? base
    for (let count = 2; given.has(id) || (endpoint.options.operationId === undefined && taken.has(id)); count++)
      id = `${base}${count}`
    given.add(id)
    ids.set(endpoint, id)
  }
  return ids
}

const verbs: Record<string, string> = { PUT: 'Update', PATCH: 'Update', DELETE: 'Delete', QUERY: 'Query' }
const spoken = (word: string) => wordsOf(word).join(' ').toLowerCase()
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** A few words for an operation that says none: `POST /articles` → "Create article", `POST /users/login` → "Login". */
export function summaryOf(endpoint: Endpoint): string {
  const { method, path } = endpoint
  const words = nouns(path).map(spoken)
  const last = words.pop()
  if (last === undefined) return method === 'GET' ? 'Get the root' : `${capital(method.toLowerCase())} the root`
  const owner = words.at(-1)
  const ofOne = owner !== undefined && owner === singular(owner)
  if (method === 'GET') return ['Get', owner, last].filter(Boolean).join(' ')
  if (method !== 'POST') return [verbs[method], ofOne ? owner : '', last].filter(Boolean).join(' ')
  if (isCreation(endpoint)) return `Create ${ofOne ? `${owner} ` : ''}${singular(last)}`
  return capital(ofOne ? `${last} ${owner}` : last)
}

/** What an operation is listed under. */
export function tagsOf({ path, options }: Endpoint): readonly string[] {
  if (options.tags?.length) return options.tags
  const first = namingSegments(path).find((segment) => !isParameter(segment))
  return [first ?? 'root']
}

/** `/articles/:slug` → `/articles/{slug}`; a final `*` is `{rest}`. */
export function templateOf(path: string): string {
  return path.replace(/\/:([^/]+)/g, '/{$1}').replace(/\/\*$/, '/{rest}')
}
