import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'

/** A body whose length is known before it is read, so that parts of it can be asked for (RFC 9110, 14). */
export abstract class SizedBody {
  /** In bytes. */
  abstract readonly size: number
  /** From one byte to another, both included. Called at most once; whoever does not call it calls `discard`. */
  abstract read(start: number, end: number): Readable
  abstract discard(): void
}

/** An open file. It is closed when it has been read, or discarded. */
export class FileBody extends SizedBody {
  readonly size: number
  readonly #file: FileHandle

  constructor(file: FileHandle, size: number) {
    super()
    this.#file = file
    this.size = size
  }

  read(start: number, end: number): Readable {
    return createReadStream('', { fd: this.#file, start, end })
  }

  discard(): void {
    // A file that was only read loses nothing when closing it fails.
    this.#file.close().catch(() => {})
  }
}

/** A `Blob`, such as `fs.openAsBlob` makes of a file. */
export class BlobBody extends SizedBody {
  readonly #blob: Blob

  constructor(blob: Blob) {
    super()
    this.#blob = blob
  }

  get size(): number {
    return this.#blob.size
  }

  read(start: number, end: number): Readable {
    return Readable.fromWeb(this.#blob.slice(start, end + 1).stream() as never)
  }

  discard(): void {}
}

/** Lets go of a body that is not sent after all. */
export function discardBody(body: unknown): void {
  if (body instanceof Readable) body.destroy()
  else if (body instanceof SizedBody) body.discard()
}
