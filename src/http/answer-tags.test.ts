import { expect, test } from 'vitest'
import { AnswerTags } from './answer-tags.ts'
import { contentTag } from './conditional.ts'

test('a tag is that of the content, whatever was answered before and to whom', () => {
  const tags = new AnswerTags()
  const bodies = ['a', 'a'.repeat(1024), `${'a'.repeat(1023)}b`, 'ü'.repeat(65_536), 'a'.repeat(65_537), '']
  for (let round = 0; round < 3; round++) {
    for (const address of ['/a', '/b']) {
      for (const body of bodies) expect(tags.tagOf(address, body)).toBe(contentTag(body))
    }
  }
  expect(new Set(bodies.map(contentTag)).size).toBe(bodies.length)
  expect(tags.tagOf('/a', new Uint8Array(5000))).toBe(contentTag(new Uint8Array(5000)))
})

test('it remembers 64 addresses, and only answers worth it', () => {
  const tags = new AnswerTags()
  for (let at = 0; at < 64; at++) tags.tagOf(`/${at}`, 'a'.repeat(1024))
  expect(tags.size).toBe(64)
  tags.tagOf('/64', 'a'.repeat(65_536))
  expect(tags.size).toBe(64)
  const others = new AnswerTags()
  others.tagOf('/small', 'a'.repeat(1023))
  others.tagOf('/large', 'a'.repeat(65_537))
  expect(others.size).toBe(0)
})
