import { expect, test } from 'vitest'
import { continueTrace } from './trace.ts'

const id = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'

test('a trace goes on with a span of its own', () => {
  const trace = continueTrace(`00-${id}-${span}-01`)
  expect(trace?.id).toBe(id)
  expect(trace?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
  expect(trace?.traceparent).not.toContain(span)
  expect(continueTrace(`cc-${id}-${span}-00-what-comes-later`)?.id).toBe(id)
})

test.each([
  undefined,
  '',
  `00-${id}-${span}`,
  `00-${id}-${span}-01-more`,
  `ff-${id}-${span}-01`,
  `00-${'0'.repeat(32)}-${span}-01`,
  `00-${id}-${'0'.repeat(16)}-01`,
  `00-${id.toUpperCase()}-${span}-01`,
  `00-${id}0-${span}-01`,
])('%s is no trace', (traceparent) => {
  expect(continueTrace(traceparent)).toBeUndefined()
})
