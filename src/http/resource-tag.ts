import type { AnyModel, Field } from '../schema/index.ts'
import { contentTag } from './conditional.ts'

// An entity tag is strong, and so of one representation (RFC 9110, 8.8.1): that of a plain read is its content's. A read
// with `fields` or `include` has another content, and tells nothing of what it leaves out; where the model counts its
// versions, its tag carries that of the plain one, `<content>.<plain>`, by which a change can be held to the row all the
// same. The version itself would not do: SQL by hand does not count it, and a row that is made again begins it again.

/** Whether a model counts the versions of its rows. */
export function countsVersions(model: AnyModel): boolean {
  return [...(model.fields as Map<string, Field>)].some(([, { options }]) => options.automatic === 'version')
}

/** The tag of a representation that is not the plain one, of a row whose plain one is `plain`. */
export function shapedTag(text: string, plain: string): string {
  return `${contentTag(text)}.${contentTag(plain)}`
}

/** The tag in an `If-Match` that a read in some shape has given, of a row whose plain tag is this; undefined without one. */
export function shapedTagOf(list: string, plainTag: string): string | undefined {
  for (const [, weak, tag, plain] of list.matchAll(/(W\/)?"([\w-]{22}\.([\w-]{22}))(?:--\w+)?"/g)) {
    if (!weak && plain === plainTag) return tag
  }
  return undefined
}
