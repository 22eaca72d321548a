import { expect, test } from 'vitest'
import { qualityOf } from './media-type.ts'

test.each([
  ['application/json', 1],
  ['application/*;q=0.5', 0.5],
  ['*/*;q=0.1, application/json;q=0.9', 0.9],
  ['application/json;q=0, */*', 0],
  ['*/*, application/*;q=0.2', 0.2],
  ['text/html', 0],
  ['', 0],
  ['application/json;q=nonsense', 0],
  ['application/json;q=2', 0],
  [' Application/JSON ; q=0.4 ', 0.4],
])('JSON has in "%s" the quality %d', (accept, quality) => {
  expect(qualityOf(accept, 'application/json')).toBe(quality)
})
