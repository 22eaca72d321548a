import { createServer } from 'node:http'
import { articlePage, authorAt, counts, fieldItemAt } from '../data.ts'
import { readyAt } from './listen.ts'

// Constants of the size that the real answers have: what Node's HTTP costs without anything behind it.
const rows = Array.from({ length: 20 }, (_, at) => fieldItemAt(counts.items - at))
const page = constant(rows)
const pageWithAuthors = constant(rows.map((row) => ({ ...row, author: authorAt(row.authorId) })))
const answers = {
  hello: constant({ hello: 'world' }),
  one: constant(fieldItemAt(50_000)),
  articles: constant(articlePage(20)),
}

const server = createServer((request, response) => {
  const { method, url = '/' } = request
  const { head, body } =
    url === '/'
      ? answers.hello
      : method === 'POST' || url.startsWith('/items/')
        ? answers.one
        : url.startsWith('/articles')
          ? answers.articles
          : url.includes('include=')
            ? pageWithAuthors
            : page
  response.writeHead(method === 'POST' ? 201 : 200, head)
  response.end(body)
})
server.listen(0, '127.0.0.1', readyAt(server))

function constant(value: unknown) {
  const body = JSON.stringify(value)
  return { head: ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))], body }
}
