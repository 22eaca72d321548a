import { type Guard, ScopedDb } from '../commit/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import { type AnyModel, type Duration, millisecondsOf } from '../schema/index.ts'
import { wholeTable } from './dependency.ts'
import { ExactCache } from './exact-cache.ts'
import { Recording } from './recording.ts'
import { areOpen, rulesText } from './rules-text.ts'
import { bytesOf, copyOf } from './value-copy.ts'

export interface CachedOptions {
  /**
   * Models of which any change makes the result wrong: for SQL of your own whose tables can't be told, and for what is read
   * elsewhere when one of them changes.
   */
  reads?: readonly AnyModel[]
  /** How long it is kept at most, as `10m`. Default: until what it read changes. */
  ttl?: Duration
}

/** Whether this process has functions whose results are kept. */
export function hasCached(): boolean {
  return declared > 0
}

type Compute = (db: any, ...args: any[]) => unknown

let declared = 0

/** More than this is not waited for: whoever finds the result gone again makes it. */
const mostWaits = 3

interface Value {
  bytes: Buffer
  rules: readonly AnyModel[]
}

/**
 * A function whose result is kept, until what it read through `db` changes. It is given to each as a copy. Inside a
 * transaction that writes it is computed each time, since it must see what was just written.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function createCached<C extends Compute>(name: string, compute: C, options: CachedOptions = {}): C {
  if (typeof name !== 'string' || name === '' || typeof compute !== 'function')
    throw new MonoblocError('definition_invalid', { detail: 'cached() takes a name and a function of db.' })
  checkOptions(`cached("${name}")`, options, { reads: true, ttl: true })
  const id = `${name} ${++declared}`
  const ttl = options.ttl === undefined ? undefined : millisecondsOf(options.ttl)
  const { reads } = options
  const asked = new Set<AnyModel>()
  const keyOf = (guard: Guard | undefined, text: string) => {
    if (!guard) return `\0${id}\0system\0${text}`
    return `\0${id}\0${areOpen(guard, asked) ? '' : rulesText(guard, asked)}\0${text}`
  }

  const kept = async (db: unknown, ...args: unknown[]): Promise<unknown> => {
    const { keeper, guard, recorder, mark } = ScopedDb.standing(db)
    const outer = recorder instanceof Recording ? recorder : undefined
    if (!(keeper instanceof ExactCache) || (recorder && !outer)) return compute(db, ...args)
    const text = textOf(name, args)
    for (let waits = 0; waits < mostWaits; waits++) {
      const key = keyOf(guard, text)
      const waiting = keeper.catchUp()
      if (waiting) await waiting
      const found = keeper.get(key)
      if (found) {
        keeper.counters.hits++
        const { bytes, rules } = found.value as Value
        outer?.add(found.dependencies)
        outer?.endBy(found.until)
        if (guard) for (const model of rules) outer?.rule(model, guard.rule(model, 'read'))
        return copyOf(bytes)
      }
      const other = keeper.underWay.get(key)
      if (!other) break
      await other
    }
    keeper.counters.misses++
    return make(keeper, guard, outer, mark ?? keeper.mark, db, args, text)
  }

  async function make(
    cache: ExactCache,
    guard: Guard | undefined,
    outer: Recording | undefined,
    mark: number,
    db: unknown,
    args: unknown[],
    text: string,
  ): Promise<unknown> {
    const before = keyOf(guard, text)
    const { promise, resolve } = Promise.withResolvers<void>()
    cache.underWay.set(before, promise)
    const recording = cache.begin(reads !== undefined, ttl)
    if (reads) recording.add(reads.map((model) => wholeTable(model.name)))
    let isKept = false
    try {
      const value = await ScopedDb.whole(ScopedDb.recorded(db, recording), (own) => compute(own, ...args))
      const bytes = bytesOf(value)
      if (bytes) {
        for (const model of recording.rules.keys()) asked.add(model)
        const entry: Value = { bytes, rules: [...recording.rules.keys()] }
        isKept = true
        cache.keep(keyOf(guard, text), entry, bytes.byteLength, recording, mark)
      }
      return value
    } finally {
      // Who catches an error answers by it, and so by what has led to it.
      outer?.include(recording)
      if (!isKept) cache.abandon()
      if (cache.underWay.get(before) === promise) cache.underWay.delete(before)
      resolve()
    }
  }
  return kept as unknown as C
}

/** @throws MonoblocError `call_invalid` for what can't be told from something else, such as an instance of a class */
function textOf(name: string, args: readonly unknown[]): string {
  if (args.length === 0) return ''
  const bytes = bytesOf(args)
  if (bytes) return bytes.toString('latin1')
  throw new MonoblocError('call_invalid', {
    detail: `${name}: what a cached function is called with are plain values.`,
  })
}
