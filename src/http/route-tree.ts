import { MonoblocError } from '../errors.ts'
import { decodeSegment } from './request-target.ts'

/** A route of a tree: its method, its path as declared, and the names of its parameters in order. */
export interface Placed<T> {
  method: string
  path: string
  names: string[]
  value: T
}

interface Node<T> {
  children: Map<string, Node<T>>
  /** The same, to be gone through while they are few: a part of a path need not be cut out and hashed for that. */
  few: [segment: string, child: Node<T>][]
  /** For a segment `:name`. */
  any: Node<T> | undefined
  /** For a final `*`. */
  rest: Map<string, Placed<T>> | undefined
  methods: Map<string, Placed<T>>
}

// Comparing so many takes as long as one look into a map.
const fewChildren = 8

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Routes by path. Fixed segments go before parameters and these before a final `*`, segment by segment, for each method
 * on its own: where `GET /articles/feed` and `DELETE /articles/:slug` are declared, `DELETE /articles/feed` is the latter.
 * One slash at the end is ignored. Segments are compared decoded.
 */
export class RouteTree<T> {
  readonly #root: Node<T> = emptyNode()
  readonly all: Placed<T>[] = []

  /** @throws MonoblocError `definition_invalid` for a path that can't be, and for the same method and path again */
  add(method: string, path: string, make: (names: string[]) => T): void {
    const names: string[] = []
    const segments = path === '/' ? [] : path.slice(1).split('/')
    let node = this.#root
    let place: Map<string, Placed<T>> | undefined
    for (const [at, segment] of segments.entries()) {
      if (segment === '*' && at === segments.length - 1) {
        names.push('*')
        place = node.rest ??= new Map()
      } else if (segment.startsWith(':') && namePattern.test(segment.slice(1)) && !names.includes(segment.slice(1))) {
        names.push(segment.slice(1))
        node = node.any ??= emptyNode()
      } else if (segment === '' || /[:*?#%]/.test(segment)) {
        throw invalid(method, path, `"${segment}" can't be a segment: write text, :name (each name once) or a final *`)
      } else {
        node = node.children.get(segment) ?? childOf(node, segment)
      }
    }
    place ??= node.methods
    const taken = place.get(method)
    if (taken)
      throw invalid(method, path, taken.path === path ? 'it is declared twice' : `${taken.path} is the same path`)
    const placed = { method, path, names, value: make(names) }
    place.set(method, placed)
    this.all.push(placed)
  }

  /**
   * The route of a method and a path, undefined without one. Puts the values of its parameters into `values`.
   *
   * @throws MonoblocError `malformed_request` when the path's percent-encoding is wrong
   */
  find(method: string, path: string, values: string[]): Placed<T> | undefined {
    return path.startsWith('/') ? walk(this.#root, path, 1, path.includes('%'), method, values) : undefined
  }

  /** Every method of a path, in order of declaration; empty when nothing is there. */
  methodsOf(path: string): string[] {
    const found = new Set<string>()
    for (const method of new Set(this.all.map((placed) => placed.method)))
      if (this.find(method, path, [])) found.add(method)
    return [...found]
  }
}

function walk<T>(
  node: Node<T>,
  path: string,
  start: number,
  encoded: boolean,
  method: string,
  values: string[],
): Placed<T> | undefined {
  if (start >= path.length) return node.methods.get(method)
  const slash = path.indexOf('/', start)
  const end = slash < 0 ? path.length : slash
  const next = slash === path.length - 1 ? path.length : end + 1
  // An empty segment (`//`) is no value of a parameter.
  if (start < end) {
    const child = childAt(node, path, start, end, encoded)
    const found = child && walk(child, path, next, encoded, method, values)
    if (found) return found
    if (node.any) {
      const segment = path.slice(start, end)
      const length = values.push(encoded ? decodeSegment(segment) : segment)
      const matched = walk(node.any, path, next, encoded, method, values)
      if (matched) return matched
      values.length = length - 1
    }
  }
  const rest = node.rest?.get(method)
  if (rest) values.push(decodeRest(path.slice(start)))
  return rest
}

/** Several segments. A slash that was encoded stays so: it divides none, and what guards `/a/b` does not see it in `/a%2Fb`. */
function decodeRest(rest: string): string {
  return decodeSegment(rest.replaceAll(/%2f/gi, '%252F'))
}

function childAt<T>(
  { children, few }: Node<T>,
  path: string,
  start: number,
  end: number,
  encoded: boolean,
): Node<T> | undefined {
  if (encoded || few.length > fewChildren) return children.get(decodeSegment(path.slice(start, end)))
  for (const [segment, child] of few) {
    if (segment.length === end - start && path.startsWith(segment, start)) return child
  }
  return undefined
}

function childOf<T>(node: Node<T>, segment: string): Node<T> {
  const child = emptyNode<T>()
  node.children.set(segment, child)
  node.few.push([segment, child])
  return child
}

function emptyNode<T>(): Node<T> {
  return { children: new Map(), few: [], any: undefined, rest: undefined, methods: new Map() }
}

function invalid(method: string, path: string, reason: string): MonoblocError {
  return new MonoblocError('definition_invalid', {
    subject: `${method} ${path}`,
    detail: `${method} ${path}: ${reason}.`,
  })
}
