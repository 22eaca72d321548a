import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs'

/** Milliseconds for which a process believes what the file said: no step is seen much later than that. */
const believed = 5

/** The clock of a process: that of the machine, and the offset in milliseconds that a file holds, which others may change. */
export function sharedClock(file: string): () => number {
  const handle = openSync(file, 'r')
  const bytes = Buffer.alloc(32)
  let offset = 0
  let readAt = -Infinity
  return () => {
    const now = performance.now()
    if (now - readAt > believed) {
      offset = Number(bytes.toString('latin1', 0, readSync(handle, bytes, 0, bytes.length, 0)))
      readAt = now
    }
    return Date.now() + offset
  }
}

/** Moves the clock of all processes. */
export class SharedClock {
  readonly file: string
  #offset = 0

  constructor(file: string) {
    this.file = file
    writeFileSync(file, textOf(0))
  }

  get offset(): number {
    return this.#offset
  }

  step(milliseconds: number): void {
    this.#offset += milliseconds
    const handle = openSync(this.file, 'r+')
    writeSync(handle, textOf(this.#offset), 0)
    closeSync(handle)
  }
}

/** Of one length and written at once, so that no reader sees half of it. */
function textOf(offset: number): string {
  return String(offset).padStart(20)
}
