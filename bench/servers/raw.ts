import { createServer } from 'node:http'
import { itemAt, itemCount } from '../item.ts'
import { newItem, pageSize } from '../workload.ts'
import { listenAnywhere } from './listening.ts'

// Constants of the size that the real answers have: what Node's HTTP costs without anything behind it.
const hello = constant(200, { hello: 'world' })
const one = constant(200, itemAt(itemCount / 2))
const page = constant(
  200,
  Array.from({ length: pageSize }, (_, at) => itemAt(itemCount - at)),
)
const added = constant(201, { id: itemCount, ...newItem(itemCount), done: false, createdAt: itemAt(1).createdAt })

const server = createServer((request, response) => {
  const { status, head, body } =
    request.method === 'POST'
      ? added
      : request.method === 'PATCH'
        ? one
        : request.url === '/'
          ? hello
          : request.url!.startsWith('/items/')
            ? one
            : page
  response.writeHead(status, head)
  response.end(body)
})
listenAnywhere(server)

function constant(status: number, value: unknown) {
  const body = JSON.stringify(value)
  const head = ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))]
  return { status, head, body }
}
