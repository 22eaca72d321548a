import fc from 'fast-check'
import { test } from 'vitest'
import { MonoblocError } from '../../src/errors.ts'
import { parseFilter, parseQueryFilter } from '../../src/schema/index.ts'
import { deepFilter } from './filter-cases.ts'
import { makeWorld } from './filter-world.ts'

const world = makeWorld(1)
const [model] = [...world.schema.models.values()]
const names = ['id', 'textField', 'jsonField', 'parent', 'single', 'links', 'oneSingle', 'and', 'or', 'not', 'search']
const operators = [
  'eq',
  'in',
  'null',
  'between',
  'some',
  'count',
  'path',
  'has',
  'length',
  '__proto__',
  'constructor',
  '0',
  '',
]

/** Whatever JSON a client could send, with the words of the language in it more often than chance would. */
const hostile = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    fc.constantFrom(null, true, 0, -0, Number.POSITIVE_INFINITY, 2 ** 53, '', 'x', '\0', '\ud800', '2026-02-30', '🙂'),
    fc.jsonValue(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...names, ...operators), tie('value')), { maxLength: 4 }).map((members) => {
      // As JSON.parse makes it: a member of its own, also under __proto__.
      const object = {}
      for (const [name, value] of members)
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true })
      return object
    }),
  ),
})).value

function answers(work: () => unknown, code: string): boolean {
  try {
    work()
    return true
  } catch (error) {
    return error instanceof MonoblocError && error.code === code && error.violations.length > 0
  }
}

test('any JSON is a filter or refused with violations', () => {
  fc.assert(
    fc.property(hostile, (filter) => answers(() => parseFilter(world.schema, model!, filter), 'invalid_filter')),
    { numRuns: 3000, seed: 1 },
  )
})

test('any query string is a filter or refused with violations', () => {
  const part = fc.oneof(
    fc.constantFrom(...names, ...operators, '.', '[', ']', '[eq]', '.some.', '\\', ',', '"', '%'),
    fc.string(),
  )
  const name = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
  const parameters = fc.array(fc.tuple(name, fc.oneof(part, fc.string())), { maxLength: 5 })
  fc.assert(
    fc.property(parameters, (given) =>
      answers(() => parseQueryFilter(world.schema, model!, given as [string, string][]), 'invalid_query'),
    ),
    { numRuns: 3000, seed: 1 },
  )
})

test('what was refused for being undefined is never taken for no condition', () => {
  const holed = deepFilter(world, model!).map((filter) => ({ ...filter, textField: undefined }))
  fc.assert(
    fc.property(holed, (filter) => {
      try {
        parseFilter(world.schema, model!, { or: [filter] })
        return false
      } catch (error) {
        return error instanceof MonoblocError && error.code === 'undefined_in_filter'
      }
    }),
    { numRuns: 200, seed: 1 },
  )
})
