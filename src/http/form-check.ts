import type { Hash } from 'node:crypto'
import { Transform } from 'node:stream'
import { MonoblocError } from '../errors.ts'
import { type FileField, isOfType } from './form.ts'
import { sniffedBytes, typeOf } from './form-type.ts'

/** Looks at the bytes of one file on their way to the disk, and stops at the first that is too many or of the wrong kind. */
export class FileCheck extends Transform {
  readonly #place: string[]
  readonly #field: FileField
  readonly #hash: Hash | undefined
  /** One without bytes is a file too. */
  readonly #mayBeEmpty: boolean
  #head: Buffer | undefined = Buffer.alloc(0)
  size = 0
  type = ''

  constructor(place: string[], field: FileField, mayBeEmpty: boolean, hash: Hash | undefined) {
    super()
    this.#place = place
    this.#field = field
    this.#mayBeEmpty = mayBeEmpty
    this.#hash = hash
  }

  get digest(): string {
    return this.#hash!.digest('base64url')
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null, chunk?: Buffer) => void): void {
    this.size += chunk.length
    if (this.size > this.#field.maxSize) {
      done(tooLarge(this.#place, this.#field.maxSize))
      return
    }
    this.#hash?.update(chunk)
    if (this.#head) {
      this.#head = Buffer.concat([this.#head, chunk])
      const problem = this.#head.length >= sniffedBytes ? this.#tell(false) : undefined
      if (problem) {
        done(problem)
        return
      }
    }
    done(null, chunk)
  }

  override _flush(done: (error?: Error | null) => void): void {
    done(this.#head && (this.size > 0 || this.#mayBeEmpty) ? this.#tell(true) : null)
  }

  #tell(whole: boolean): MonoblocError | null {
    this.type = typeOf(this.#head!.subarray(0, sniffedBytes), whole && this.#head!.length <= sniffedBytes)
    this.#head = undefined
    const { types } = this.#field
    if (!types || isOfType(this.type, types)) return null
    const violation = {
      path: this.#place,
      code: 'unsupported_type',
      message: `is ${this.type}; may be ${types.join(', ')}`,
    }
    return new MonoblocError('unsupported_media_type', { violations: [violation] })
  }
}

export function tooLarge(path: string[], limit: number): MonoblocError {
  const message = `must have at most ${limit} bytes`
  return new MonoblocError('body_too_large', { violations: [{ path, code: 'too_big', message }] })
}
