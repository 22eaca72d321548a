import { hash } from 'node:crypto'
import { MonoblocError } from '../errors.ts'
import { type Answer, JsonText } from './answer.ts'
import { contentTag } from './conditional.ts'
import { HandlerContext } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import type { Returns } from './endpoint-types.ts'
import type { ReplyState } from './reply.ts'
import { CompiledReturns } from './returns.ts'
import { VersionForms } from './version-forms.ts'
import type { Change } from './version-types.ts'

/** What a read of a resource asked for beside plain rows. */
export interface Asked {
  /** Only these fields, in the words of the version; undefined for all. */
  fields: ReadonlySet<string> | undefined
  /** The relations that stand in the rows. */
  included: readonly string[]
}

/** What a handler of the newest version answers, in the form of an older one. */
export class OlderAnswer {
  readonly #endpoint: Endpoint
  readonly #version: string
  readonly #newest: CompiledReturns
  readonly #steps: readonly Step[]

  /** @param changes those after the version, the newest first */
  constructor(endpoint: Endpoint, version: string, changes: readonly Change[]) {
    this.#endpoint = endpoint
    this.#version = version
    this.#newest = new CompiledReturns(endpoint.options.returns)
    let returns: Returns | undefined = endpoint.options.returns
    this.#steps = changes.map((change) => {
      returns = change.returns ?? returns
      return { change, forms: new VersionForms(returns) }
    })
  }

  of(value: unknown, context: HandlerContext, asked: Asked): unknown {
    const reply = context.reply as ReplyState
    const answer = this.#newest.answer(value, HandlerContext.replyOf(context))
    if (answer.body === null) return undefined
    if (typeof answer.body !== 'string') return value
    const text = this.#textOf(answer.body, answer.status, asked)
    reply.status(answer.status)
    return new JsonText(text, this.#tagOf(answer, reply, text))
  }

  #textOf(body: string, status: number, { fields, included }: Asked): string {
    let value: unknown = JSON.parse(body)
    for (const { change, forms } of this.#steps) {
      const before = included.length > 0 ? rowsOf(value).map((row) => pick(row, included)) : []
      if (change.response) value = this.#changed(change.response(value, { status }))
      const own = included.length > 0 ? rowsOf(value).map((row) => pick(row, included)) : []
      value = forms.read(status, value, included, `${this.#endpoint.route} at ${this.#version}`)
      if (included.length > 0) for (const [at, row] of rowsOf(value).entries()) Object.assign(row, before[at], own[at])
    }
    return JSON.stringify(fields ? only(value, fields) : value)
  }

  #changed(value: unknown): unknown {
    if (value !== undefined && !(value instanceof Promise)) return value
    const what = value === undefined ? 'nothing' : 'a promise'
    throw new MonoblocError('response_invalid', {
      detail: `changes of ${this.#endpoint.route}: response returned ${what}.`,
    })
  }

  /**
   * The newest form's tag, by which a change can be held to the row whatever version was read, and a mark of this form:
   * an entity tag is of one representation (RFC 9110, 8.8.1).
   */
  #tagOf(answer: Answer, reply: ReplyState, text: string): string | undefined {
    const mark = `;${hash('sha256', `${this.#version}\0${text}`, 'base64url').slice(0, markLength)}`
    const own = reply.get('etag')
    if (own !== undefined) {
      reply.header('etag', own.replace(/"$/, `${mark}"`))
      return undefined
    }
    const safe = /^(GET|HEAD|QUERY)$/.test(this.#endpoint.method)
    if (answer.tag === null && !safe) return undefined
    return (answer.tag ?? contentTag(answer.body as string)) + mark
  }
}

const markLength = 8
// The name of an encoding may follow it.
const marked = /;[\w-]{8}((?:--[a-z]+)?")/g

/** Entity tags without the mark of the version whose form they are of: those by which changes are held. */
export function withoutMarks(tags: string): string {
  return tags.includes(';') ? tags.replaceAll(marked, '$1') : tags
}

interface Step {
  change: Change
  forms: VersionForms
}

function rowsOf(value: unknown): Record<string, unknown>[] {
  const list = Array.isArray(value) ? value : [value]
  return list.filter((row) => typeof row === 'object' && row !== null)
}

function pick(row: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => name in row).map((name) => [name, row[name]]))
}

function only(value: unknown, shown: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => only(one, shown))
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => shown.has(name)))
}
