import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import type { JsonSchema } from '../schema/index.ts'
import type { Returns } from './endpoint-types.ts'
import { type ReturnedShape, shapesOf } from './returns.ts'
import { listSchema } from './returns-list.ts'
import { compileSerialiser } from './serialise.ts'

/** Holds a value to a schema: what it does not name is left out, what it does not allow is refused. */
type Form = (value: unknown, where: string) => unknown

/** What each status of one version answers with, as what checks it. */
export class VersionForms {
  readonly #shapes: ReadonlyMap<number, ReturnedShape>
  readonly #forms = new Map<string, Form | undefined>()

  /** @throws MonoblocError `definition_invalid` */
  constructor(returns: Returns | undefined) {
    this.#shapes = returns === undefined ? new Map() : shapesOf(returns)
    for (const status of this.#shapes.keys()) this.#form(status, [])
  }

  /**
   * The value as the version describes it.
   *
   * @param included relations that stand in its rows, and that the description of a plain row does not know
   * @throws MonoblocError `response_invalid`
   */
  read(status: number, value: unknown, included: readonly string[], where: string): unknown {
    const form = this.#form(status, included)
    return form ? form(value, where) : value
  }

  // What may be included is the resource's to say, and was checked: so many forms, and no more.
  #form(status: number, included: readonly string[]): Form | undefined {
    const key = [status, ...included].join()
    if (!this.#forms.has(key)) {
      const shape = this.#shapes.get(status)
      this.#forms.set(key, shape?.schema ? formOf(without(shape, included)) : undefined)
    }
    return this.#forms.get(key)
  }
}

function without({ schema, item, list }: ReturnedShape, names: readonly string[]): JsonSchema {
  const { properties, required } = item as { properties?: JsonSchema; required?: string[] }
  if (names.length === 0 || !properties) return schema!
  const left: JsonSchema = {
    ...item,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name))),
    ...(required && { required: required.filter((name) => !names.includes(name)) }),
  }
  return list ? listSchema(left) : left
}

function formOf(schema: JsonSchema): Form {
  const serialise = compileSerialiser(schema)
  const validator = validatorOf(schema)
  return (value, where) => {
    const read = JSON.parse(serialise(value))
    const problems = validator?.safeParse(read).error?.issues
    if (!problems) return read
    const told = problems.map(({ path, message }) => `${path.join('/') || 'it'}: ${message}`).join('; ')
    throw new MonoblocError('response_invalid', { detail: `The answer of ${where} is not what it describes: ${told}.` })
  }
}

/** Bounds and formats too, where the schema can be read back; the serialiser checks types and presence in any case. */
function validatorOf(schema: JsonSchema): z.ZodType | undefined {
  try {
    return z.fromJSONSchema(schema as never)
  } catch {
    return undefined
  }
}
