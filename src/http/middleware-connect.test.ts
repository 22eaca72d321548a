import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { type AnyMiddleware, type Middleware, type Used, usedOf } from './middleware.ts'
import type { Chain } from './middleware-chain.ts'
import { connectEngine } from './middleware-connect.ts'
import { expressEngine } from './middleware-express.ts'

const request = (url: string) => ({ url, method: 'GET', headers: {} }) as unknown as IncomingMessage
const response = () => ({}) as ServerResponse

function through(chain: Chain, url: string): Promise<unknown> {
  return new Promise((resolve) => chain.run(request(url), response(), resolve))
}

describe.each([
  ['Connect’s way', connectEngine],
  ['Express', expressEngine()!],
])('%s', (_, engine) => {
  const chainOf = (...used: Used[]) => engine.first(used)

  test('runs what is at a path and below it, in order, and puts the target back', async () => {
    const seen: string[] = []
    const note =
      (name: string): Middleware =>
      (req, _res, next) => {
        seen.push(`${name} ${req.url} ${req.baseUrl} ${req.originalUrl}`)
        next()
      }
    const chain = chainOf(
      usedOf([note('all')]),
      usedOf(['/a', note('a1'), [note('a2')]]),
      usedOf([['/x', '/A/b'], note('ab')]),
      usedOf(['/ab', note('never')]),
      usedOf([note('last')]),
    )
    const asked = request('/a/b?q=1')
    await new Promise((resolve) => chain.run(asked, response(), resolve))
    expect(seen).toEqual([
      expect.stringMatching(/^all \/a\/b\?q=1 (undefined)? /),
      'a1 /b?q=1 /a /a/b?q=1',
      'a2 /b?q=1 /a /a/b?q=1',
      'ab /?q=1 /a/b /a/b?q=1',
      expect.stringMatching(/^last \/a\/b\?q=1 (undefined)? \/a\/b\?q=1$/),
    ])
    expect(asked.url).toBe('/a/b?q=1')
  })
  test('keeps what is rewritten', async () => {
    const asked = request('/a/b')
    const chain = chainOf(
      usedOf([
        '/a',
        (req: any, _res: any, next: any) => {
          req.url = '/c'
          next()
        },
      ]),
    )
    await new Promise((resolve) => chain.run(asked, response(), resolve))
    expect(asked.url).toBe('/a/c')
  })
  test.each<[string, Middleware]>([
    [
      'thrown',
      () => {
        throw new Error('x')
      },
    ],
    ['rejected', async () => Promise.reject(new Error('x'))],
    ['rejected with nothing', async () => Promise.reject()],
    ['given to next', (_req, _res, next) => next(new Error('x'))],
  ])('gives errors to error middleware only: %s', async (_, bad) => {
    const seen: string[] = []
    const chain = chainOf(
      usedOf([(error: any, _req: any, _res: any, _next: any) => void seen.push(`too early ${error}`)]),
      usedOf([bad]),
      usedOf([() => void seen.push('no error')]),
      usedOf([
        (error: any, _req: any, _res: any, next: any) => {
          seen.push('error')
          next(error)
        },
      ]),
    )
    expect(await through(chain, '/')).toBeInstanceOf(Error)
    expect(seen).toEqual(['error'])
  })
  test('goes on where error middleware lets it', async () => {
    const seen: string[] = []
    const chain = chainOf(
      usedOf([(_req: any, _res: any, next: any) => next(new Error('x'))]),
      usedOf([(_error: any, _req: any, _res: any, next: any) => next()]),
      usedOf([
        (_req: any, _res: any, next: any) => {
          seen.push('on')
          next()
        },
      ]),
    )
    expect(await through(chain, '/')).toBeFalsy()
    expect(seen).toEqual(['on'])
  })
  test('offers a later error to error middleware, and gives it back where none answers', async () => {
    const seen: string[] = []
    const taking =
      (name: string): AnyMiddleware =>
      (_error: any, _req: any, _res: any, next: any) => {
        seen.push(name)
        next()
      }
    const chain = chainOf(
      usedOf([(_req: any, _res: any, next: any) => next()]),
      usedOf(['/b', taking('b')]),
      usedOf(['/a', taking('a')]),
    )
    const error = new Error('later')
    const given = await new Promise((resolve) => chain.fail(error, request('/a/x'), response(), resolve))
    expect([given, seen]).toEqual([error, ['a']])
    expect(await new Promise((resolve) => chainOf().fail(error, request('/'), response(), resolve))).toBe(error)
  })
})

test('a path with patterns needs Express, and says so', () => {
  for (const path of ['/a/:id', '/a*', '/a{b}', /a/])
    expect(() => connectEngine.first([usedOf([path, () => {}])])).toThrow(/needs the package express/)
  expect(() => connectEngine.first([usedOf(['/a-b/c.d/', () => {}])])).not.toThrow()
})
