import { expect, test } from 'vitest'
import { z } from 'zod'
import { CompiledReturns } from './returns.ts'

const textOf = (returns: never, value: unknown) => new CompiledReturns(returns).answer(value, undefined).body

test('a list of a schema that refers to itself is written', () => {
  const Branch = z.object({
    name: z.string(),
    get branches() {
      return z.array(Branch)
    },
  })
  const tree = [{ name: 'a', branches: [{ name: 'b', branches: [], secret: 1 }] }]
  expect(textOf([Branch] as never, tree)).toBe('[{"name":"a","branches":[{"name":"b","branches":[]}]}]')
  const Forest = z.object({ trees: z.array(Branch) })
  expect(textOf([Forest] as never, [{ trees: tree }])).toBe(
    '[{"trees":[{"name":"a","branches":[{"name":"b","branches":[]}]}]}]',
  )
})

test('a list of a schema with an id is written', () => {
  const Coin = z.object({ value: z.int() }).meta({ id: 'CoinOfThisTest' })
  expect(textOf([Coin] as never, [{ value: 5, side: 'head' }])).toBe('[{"value":5}]')
})
