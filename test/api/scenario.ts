import { expect } from 'vitest'

/** One request and what must come of it. */
export interface Scenario {
  /** What is shown; unique in its table. */
  name: string
  /** `'POST /api/articles'` */
  request: string
  /** The name under which `signIn` keeps a token; nobody without it. */
  as?: string
  headers?: Record<string, string>
  body?: unknown
  status: number
  /** What the JSON answer must hold at least; strings in angle brackets stand for kinds of values: see `placeholders`. */
  answer?: unknown
  /** Text that must not occur anywhere in the answer. */
  forbidden?: string[]
  /** Keeps a value of the answer for later scenarios, as `{name}` in requests and bodies. */
  keep?: Record<string, string>
}

const placeholders: Record<string, unknown> = {
  '<text>': expect.stringMatching(/./),
  '<time>': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  '<whole>': expect.any(Number),
}

/** Plays scenarios one after another against a server. */
export class Player {
  readonly url: string
  readonly tokens = new Map<string, string>()
  readonly kept = new Map<string, string>()

  constructor(url: string) {
    this.url = url
  }

  async play(scenario: Scenario): Promise<unknown> {
    const [method, target] = this.#filled(scenario.request).split(' ') as [string, string]
    const token = scenario.as === undefined ? undefined : this.tokens.get(scenario.as)
    if (scenario.as !== undefined && !token) throw new Error(`nobody has signed in as ${scenario.as}`)
    const response = await fetch(new URL(target, this.url), {
      method,
      headers: {
        ...(scenario.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token && { authorization: `Token ${token}` }),
        ...(JSON.parse(this.#filled(JSON.stringify(scenario.headers ?? {}))) as Record<string, string>),
      },
      ...(scenario.body !== undefined && { body: this.#filled(JSON.stringify(scenario.body)) }),
    })
    const text = await response.text()
    expect({ status: response.status, text }).toMatchObject({ status: scenario.status })
    for (const word of scenario.forbidden ?? []) expect(text).not.toContain(word)
    const answer: unknown = text === '' ? undefined : JSON.parse(text)
    if (scenario.answer !== undefined)
      expect(answer).toMatchObject(withKinds(JSON.parse(this.#filled(JSON.stringify(scenario.answer)))) as object)
    for (const [name, path] of Object.entries(scenario.keep ?? {})) this.kept.set(name, String(at(answer, path)))
    return answer
  }

  #filled(text: string): string {
    return text.replace(/\{([\w.]+)\}/g, (whole, name: string) => this.kept.get(name) ?? whole)
  }
}

export function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner, key) => (inner as Record<string, unknown>)?.[key], value)
}

function withKinds(value: unknown): unknown {
  if (typeof value === 'string') return placeholders[value] ?? value
  if (Array.isArray(value)) return value.map(withKinds)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withKinds(inner)]))
}
