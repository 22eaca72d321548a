import { MonoblocError } from '../errors.ts'

// Names are kept in the database and shown in addresses and on command lines.
const longest = 100
const pattern = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/

/** @throws MonoblocError `definition_invalid` */
export function checkEffectName(what: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && name.length <= longest && pattern.test(name)) return
  throw new MonoblocError('definition_invalid', {
    subject: String(name),
    detail: `${what}(${JSON.stringify(name)}): a name has letters, digits and . _ : - and at most ${longest} characters.`,
  })
}
