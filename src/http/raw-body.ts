import { checkOptions, MonoblocError } from '../errors.ts'
import { describeAs, type StandardSchemaV1 } from '../schema/index.ts'
import { jsonType } from './media-type.ts'

export interface RawOptions {
  /** Media types that are taken. Anything else: 415 `unsupported_media_type`. Default: `application/json`. */
  types?: readonly string[]
}

/** A body that nobody reads but the handler. */
export class RawBody implements StandardSchemaV1<unknown, Buffer> {
  readonly types: readonly string[]
  readonly '~standard': StandardSchemaV1<unknown, Buffer>['~standard']

  constructor(types: readonly string[]) {
    this.types = types
    this['~standard'] = {
      version: 1,
      vendor: 'monobloc',
      // A request without a body has none to give.
      validate: (value) => ({ value: Buffer.isBuffer(value) ? value : Buffer.alloc(0) }),
    }
    describeAs(this, { description: 'Taken as it comes, byte by byte.' })
  }
}

const typePattern = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/

/**
 * For `body`: its bytes exactly as they came, such as those that a signature is of. At most `bodyLimit` of them.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function raw(options: RawOptions = {}): RawBody {
  checkOptions('raw()', options, { types: true })
  const { types = [jsonType] } = options
  if (Array.isArray(types) && types.length > 0 && types.every((type) => typePattern.test(type)))
    return new RawBody(types)
  throw new MonoblocError('definition_invalid', {
    detail: 'raw(): types is a list of media types in small letters, such as application/json.',
  })
}
