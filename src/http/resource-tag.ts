import type { RowReader } from '../commit/index.ts'
import type { AnyModel, Field } from '../schema/index.ts'
import { chain, type MaybePromise } from '../storage/index.ts'
import { contentTag } from './conditional.ts'

// An entity tag is strong, and so of one representation (RFC 9110, 8.8.1): that of a plain read is its content's. A read
// with `fields` or `include` has another content, and tells nothing of what it leaves out; where the model counts its
// versions, its tag carries the row's, `<content>.<version>`, by which a change can be held to it all the same.

/** The name of the field that counts a model's versions. */
export function versionField(model: AnyModel): string | undefined {
  return [...(model.fields as Map<string, Field>)].find(([, { options }]) => options.automatic === 'version')?.[0]
}

/** The version of a row, in the snapshot of the read that its tag is for. */
export function versionOf(rows: RowReader, model: AnyModel, key: unknown, field: string): MaybePromise<number> {
  return chain(rows.getJson(model, key, { fields: [field] }), (text) => JSON.parse(text)[field])
}

/** The tag of a representation that is not the plain one, of a row of this version. */
export function shapedTag(text: string, version: number): string {
  return `${contentTag(text)}.${version}`
}

/** The tag in an `If-Match` that a read of this version, in some shape, has given; undefined when there is none. */
export function tagOfVersion(list: string, version: unknown): string | undefined {
  for (const [, weak, tag, counted] of list.matchAll(/(W\/)?"([\w-]{22}\.(\d{1,16}))(?:--\w+)?"/g)) {
    if (!weak && Number(counted) === version) return tag
  }
  return undefined
}
