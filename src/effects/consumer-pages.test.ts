import { expect, test } from 'vitest'
import type { LoggedTransaction } from '../storage/index.ts'
import { ConsumerPages } from './consumer-pages.ts'

test('who comes after a hint does not share a look that began before it', async () => {
  const looks: PromiseWithResolvers<LoggedTransaction[]>[] = []
  const pages = new ConsumerPages({
    tail() {
      const look = Promise.withResolvers<LoggedTransaction[]>()
      looks.push(look)
      return look.promise
    },
  })
  const first = pages.after(7)
  const second = pages.after(7)
  expect(looks).toHaveLength(1)
  pages.hint()
  const third = pages.after(7)
  expect(looks).toHaveLength(2)
  const found = [{ position: 8 } as LoggedTransaction]
  looks[1]!.resolve(found)
  expect(await third).toBe(found)
  looks[0]!.resolve([])
  expect([await first, await second]).toEqual([[], []])
  expect(pages.after(7)).toBe(found)
})
