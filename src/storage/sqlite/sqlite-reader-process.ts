import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MonoblocError } from '../../errors.ts'
import { type ReaderAnswer, type ReaderRequest, receivedError } from './sqlite-reader-messages.ts'

/** The bundler sees this very expression and makes the file an entry of its own. */
const readerFile = fileURLToPath(new URL('./sqlite-reader.ts', import.meta.url))

interface Pending {
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

type Question = Extract<ReaderRequest, { id: number }>

/**
 * A reader process as its parent sees it.
 *
 * - running: answers in the order in which it was asked.
 * - gone: killed, or ended by itself. What was asked is rejected with why, and nothing more can be asked.
 */
export class ReaderProcess {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #gone: MonoblocError | undefined

  /** @param onGone when the process has ended by itself */
  constructor(file: string, cacheKib: number, onGone: (process: ReaderProcess) => void) {
    this.#child = fork(readerFile, [file, String(cacheKib), String(process.pid)], {
      // Structured cloning: bytes, bigints and large texts go over as they are.
      serialization: 'advanced',
      // Nothing of what the parent was started with (a debugger's port, a test runner's loader) is for this one.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const gone = (detail: string) => {
      if (this.#gone) return
      this.#end(new MonoblocError('database_error', { detail }))
      onGone(this)
    }
    this.#child.on('message', (answer: ReaderAnswer) => this.#answered(answer))
    this.#child.on('error', (error) => gone(`A reader process failed: ${error.message}.`))
    this.#child.on('exit', (code, signal) => gone(`A reader process ended by itself (${signal ?? code}).`))
    this.rest()
  }

  get pid(): number {
    return this.#child.pid!
  }

  begin(): void {
    this.#child.ref()
    this.#child.channel?.ref()
    this.#child.send({ kind: 'begin' } satisfies ReaderRequest)
  }

  /** The snapshot is over. While nothing is asked of it, it keeps nobody alive. */
  end(): void {
    if (this.#gone) return
    this.#child.send({ kind: 'end' } satisfies ReaderRequest)
    this.rest()
  }

  ask(question: Omit<Question, 'id'>): Promise<unknown> {
    if (this.#gone) return Promise.reject(this.#gone)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#child.send({ ...question, id } as ReaderRequest)
    })
  }

  /** SIGKILL: a statement that runs can't be asked to stop. */
  kill(why: MonoblocError): void {
    this.#end(why)
    this.#child.kill('SIGKILL')
  }

  rest(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }

  #answered(answer: ReaderAnswer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if ('error' in answer) pending?.reject(receivedError(answer.error))
    else pending?.resolve(answer.result)
  }

  #end(why: MonoblocError): void {
    this.#gone = why
    for (const { reject } of this.#pending.values()) reject(why)
    this.#pending.clear()
  }
}
