import { testBackend } from 'monobloc/testing'
import { expect, test } from 'vitest'
import app from './app.ts'

test('it says hello', async () => {
  await using backend = await testBackend(app)
  expect(await backend.get('/')).toMatchObject({ status: 200, body: { hello: 'world' } })
})
