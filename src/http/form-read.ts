import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Busboy } from '@fastify/busboy'
import { MonoblocError } from '../errors.ts'
import type { Answer } from './answer.ts'
import { FileField, type FormBody } from './form.ts'
import { FileCheck, tooLarge } from './form-check.ts'
import { cleanName, UploadedFile } from './form-file.ts'
import type { HttpLimits } from './limits.ts'
import type { UploadFolder } from './upload-folder.ts'

// States: receiving → received, or refused; then ended, with the connection's end or the answer's.
// While it receives, each part goes to disk as it comes and no faster than the disk takes it. The first thing that is wrong
// refuses the whole: what is still to come is dropped. Ended, every file is removed that was not kept; one that was kept is
// taken back when the request fails, but for what may have been committed: an answer of any status has committed what names
// it. A crash leaves the files in a folder that the next start removes.

interface FormReadOptions {
  form: FormBody
  /** Bytes of the whole. */
  limit: number
  limits: HttpLimits
  folder: UploadFolder
  /** The media type, with its boundary. */
  type: string
  request: IncomingMessage
  response: ServerResponse
  /** Whether what came must be known by a digest: there is an `Idempotency-Key`. */
  digested: boolean
}

/** One form, from its first byte to the removal of its files. */
export class FormRead {
  readonly #options: FormReadOptions
  readonly #texts = new Map<string, string[]>()
  readonly #files = new Map<string, UploadedFile[]>()
  readonly #counts = new Map<string, number>()
  readonly #paths = new Set<string>()
  readonly #kept: string[] = []
  #takenBack = false
  readonly #digests: string[] = []
  readonly #stores: Promise<Stored>[] = []
  /** Files whose end will not come any more are closed. */
  readonly #stop = new AbortController()
  readonly #begun = performance.now()
  #done: ((error: MonoblocError | null, digest: Buffer) => void) | undefined
  #size = 0
  #textCount = 0
  #timers: NodeJS.Timeout[] = []
  /** Milliseconds that it took to arrive. */
  took = 0
  /** The handler's. Given up at its deadline it may go on, outside a transaction, and commit yet. */
  unit: Promise<Pick<Answer, 'replayed'>> | undefined
  /** The handler has ended well, outside a transaction: what it has committed may name what was kept. */
  isNamed = false

  constructor(options: FormReadOptions) {
    this.#options = options
  }

  /**
   * Calls `done` once, unless the client goes away first.
   *
   * @throws MonoblocError `overloaded`, `body_too_large`, `malformed_request`
   */
  start(done: (error: MonoblocError | null, digest: Buffer) => void): void {
    const { request, response, limit, limits, folder, form } = this.#options
    if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(['body'], limit)
    if (folder.open >= limits.uploads)
      throw new MonoblocError('overloaded', { detail: `${limits.uploads} forms are arriving (limits.uploads).` })
    folder.open++
    receiving.add(request.socket)
    this.#watchTime()
    let parser: Parser | undefined
    this.#done = (error, digest) => {
      this.#done = undefined
      this.took = performance.now() - this.#begun
      this.#release()
      if (error) {
        if (parser) request.unpipe(parser)
        parser?.removeAllListeners().on('error', () => {})
        this.#stop.abort()
        this.#drop()
      }
      done(error, digest)
    }
    response.once('close', () => {
      this.#release()
      this.#done = undefined
      this.#stop.abort()
      // One that is about to be opened would be there again.
      Promise.allSettled(this.#stores).then(() => {
        for (const path of this.#paths) this.#remove(path)
      })
    })
    // Loaded by the first form: most apps have none.
    import('@fastify/busboy').then(({ Busboy }) => {
      if (!this.#done) return
      try {
        parser = this.#parser(Busboy, form)
      } catch (cause) {
        this.#refuse(new MonoblocError('malformed_request', { detail: 'The form has no boundary.', cause }))
        return
      }
      request.on('data', (chunk: Buffer) => {
        this.#size += chunk.length
        this.#timers[0]?.refresh()
        if (this.#size > limit) this.#refuse(tooLarge(['body'], limit))
      })
      request.pipe(parser)
    })
  }

  /** What the parts hold, for the schema. */
  get values(): Record<string, unknown> {
    const texts = [...this.#texts].map(([name, values]) => [name, values.length === 1 ? values[0] : values])
    return Object.fromEntries([...texts, ...this.#files])
  }

  #parser(Parser: typeof Busboy, form: FormBody): Parser {
    const parser = new Parser({
      headers: { 'content-type': this.#options.type },
      limits: {
        fieldSize: form.textLimit,
        parts: form.mostTexts + form.mostFiles + 1,
        headerPairs: 20,
        headerSize: 8192,
      },
      isPartAFile: (name, _type, filename) => this.#field(name) instanceof FileField || filename !== undefined,
    })
    parser.on('field', (name, value, _cut, tooLong) => this.#text(name, value, tooLong))
    parser.on('file', (name, stream, filename) => this.#file(name, stream, filename))
    parser.on('partsLimit', () => this.#refuse(invalid(['body'], 'too_many', 'has too many parts')))
    parser.on('error', (cause) =>
      this.#refuse(new MonoblocError('malformed_request', { detail: 'The form breaks off.', cause })),
    )
    parser.on('finish', () => {
      Promise.all(this.#stores).then(
        (stored) => {
          // In the order in which they came, whichever was written first.
          for (const { name, uploaded } of stored.filter((one) => one !== undefined))
            this.#files.set(name, [...(this.#files.get(name) ?? []), uploaded])
          this.#done?.(null, this.#digest())
        },
        () => {},
      )
    })
    return parser
  }

  #field(name: string | undefined): unknown {
    const { fields } = this.#options.form
    return name !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined
  }

  #text(name: string, value: string, tooLong: boolean): void {
    const { form, digested } = this.#options
    const place = ['body', String(name ?? '')]
    this.#textCount++
    const problem = !this.#field(name)
      ? invalid(place, 'unknown_field', 'is not a field that may be given')
      : tooLong
        ? tooLarge(place, form.textLimit)
        : this.#textCount > form.mostTexts
          ? invalid(['body'], 'too_many', `has more than ${form.mostTexts} fields of text`)
          : undefined
    if (problem) {
      this.#refuse(problem)
      return
    }
    this.#texts.set(name, [...(this.#texts.get(name) ?? []), value])
    if (digested) this.#digests.push(JSON.stringify([name, value]))
  }

  #file(name: string, stream: Readable, filename: string): void {
    const field = this.#field(name)
    stream.on('error', () => {})
    const place = ['body', String(name ?? '')]
    const problem = !field
      ? invalid(place, 'unknown_field', 'is not a field that may be given')
      : field instanceof FileField
        ? undefined
        : invalid(place, 'invalid_type', 'must be text, not a file')
    if (problem || !this.#done) {
      stream.resume()
      if (problem) this.#refuse(problem)
      return
    }
    const store = this.#store(name, field as FileField, stream, filename)
    this.#stores.push(store)
    store.catch((error) => {
      stream.resume()
      this.#refuse(error instanceof MonoblocError ? error : new MonoblocError('internal', { cause: error }))
    })
  }

  async #store(name: string, field: FileField, stream: Readable, filename: string): Promise<Stored> {
    const { folder, digested } = this.#options
    const { signal } = this.#stop
    const path = await folder.place()
    signal.throwIfAborted()
    this.#paths.add(path)
    // A file that is not chosen comes as one without a name and without bytes.
    const isNamed = filename !== undefined && filename !== ''
    const check = new FileCheck(['body', name], field, isNamed, digested ? createHash('sha256') : undefined)
    if (isNamed) this.#count(name, field)
    await pipeline(stream, check, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal })
    if (!isNamed && check.size === 0) return undefined
    if (!isNamed) this.#count(name, field)
    const facts = { name: cleanName(filename), type: check.type, size: check.size, path }
    const uploaded = new UploadedFile(facts, folder.base, (kept) => this.#keep(kept))
    if (digested) this.#digests.push(JSON.stringify([name, facts.name, check.digest]))
    return { name, uploaded }
  }

  #count(name: string, { max }: FileField): void {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    if (count > max) throw invalid(['body', name], 'too_many', `must be at most ${max} ${max === 1 ? 'file' : 'files'}`)
  }

  #refuse(error: MonoblocError): void {
    this.#done?.(error, nothing)
  }

  #digest(): Buffer {
    return createHash('sha256').update(this.#digests.sort().join('\n')).digest()
  }

  /** What still comes is read and dropped, for a while: a connection that closes on unread data resets before our answer is read. */
  #drop(): void {
    const { request, limits } = this.#options
    request.removeAllListeners('data')
    request.resume()
    const cut = setTimeout(() => request.destroy(), limits.requestTimeout).unref()
    request.once('close', () => clearTimeout(cut))
  }

  #release(): void {
    const { folder, request } = this.#options
    for (const timer of this.#timers) clearTimeout(timer)
    if (this.#timers.length === 0) return
    this.#timers = []
    folder.open--
    receiving.delete(request.socket)
  }

  /** Not by Node's clock, which gives every request the same time: a large file on a slow line is no attack, silence is. */
  #watchTime(): void {
    const { limits, request } = this.#options
    const late = () => this.#refuse(new MonoblocError('request_timeout'))
    const enough = (limits.uploadRate * limits.requestTimeout) / 1000
    let counted = 0
    const checkPace = () => {
      const came = this.#size - counted
      counted = this.#size
      // What waits here waits for the disk, and no longer for the client.
      if (came < enough && request.readableLength === 0 && !request.complete) late()
    }
    this.#timers = [
      setTimeout(late, limits.requestTimeout),
      setTimeout(late, limits.uploadTimeout),
      setInterval(checkPace, limits.requestTimeout),
    ]
  }

  /**
   * Removes what was kept, and what still will be: the request has failed, or was answered by an earlier one. Not before
   * the handler's unit has ended, and nothing where a row that was committed may name it.
   */
  takeBack(): void {
    if (this.unit === undefined) this.#takeBack()
    else
      this.unit.then(
        ({ replayed }) => replayed && this.#takeBack(),
        (error) => this.isNamed || error?.code === 'commit_unknown' || this.#takeBack(),
      )
  }

  #takeBack(): void {
    this.#takenBack = true
    for (const path of this.#kept) this.#remove(path)
  }

  #keep(path: string): void {
    this.#kept.push(path)
    if (this.#takenBack) this.#remove(path)
  }

  #remove(path: string): void {
    rm(path, { force: true }).catch(() => {})
  }
}

/** Undefined for a field of which no file was chosen. */
type Stored = { name: string; uploaded: UploadedFile } | undefined

type Parser = InstanceType<typeof Busboy>

const nothing = Buffer.alloc(0)

/** Connections on which a form arrives. */
const receiving = new WeakSet<Socket>()

/** Whether a connection's request has a clock of its own. */
export function isReceivingForm(socket: Socket): boolean {
  return receiving.has(socket)
}

function invalid(path: string[], code: string, message: string): MonoblocError {
  return new MonoblocError('validation_failed', { violations: [{ path, code, message }] })
}
