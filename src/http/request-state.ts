import type { IncomingMessage, ServerResponse } from 'node:http'

const members = ['next', 'params', 'baseUrl', 'res']

/** Remembers what a server around us has made of a request, and gives what makes it so again. */
export function saveRequest(request: IncomingMessage, response: ServerResponse): () => void {
  const target = request as unknown as Record<string, unknown>
  const { url, originalUrl } = target
  const values = members.map((name) => target[name])
  const prototypes = [Object.getPrototypeOf(request), Object.getPrototypeOf(response)]
  return () => {
    Object.setPrototypeOf(request, prototypes[0])
    Object.setPrototypeOf(response, prototypes[1])
    for (const [at, name] of members.entries()) {
      if (values[at] === undefined) delete target[name]
      else target[name] = values[at]
    }
    // Of a target that has been rewritten the first form is remembered.
    if (request.url === url && originalUrl === undefined) delete target.originalUrl
  }
}
