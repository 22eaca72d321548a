import { expect, test } from 'vitest'
import { z } from 'zod'
import { define, model, t } from '../index.ts'
import { backend } from '../runtime/index.ts'
import { testBackend } from './index.ts'

const Note = model('note', { id: t.serial(), text: t.text() })
const { job, policy } = define({ models: { Note } })
policy(Note, { anyone: { read: true } })

const write = job('write', {
  input: z.object({ text: z.string() }),
  async handle({ input, db, enqueue }) {
    await db.insert(Note, { text: input.text })
    if (input.text === 'first') enqueue(write, { text: 'followed' })
  },
})
const broken = job('broken', {
  input: z.object({}),
  retry: { attempts: 2, delay: 60_000 },
  handle() {
    throw new Error('not today')
  },
})
const app = backend({ serve: [write, broken] })
const texts = async (db: any) => (await db.find(Note, { sort: 'id' })).map(({ text }: { text: string }) => text)

test('settled() runs what is due, and what follows from it', async () => {
  await using own = await testBackend(app)
  await own.transaction(async (_db, { enqueue }) => enqueue(write, { text: 'first' }))
  await own.settled()
  expect(await texts(own.db)).toEqual(['first', 'followed'])
})

test('a job of tomorrow runs when the clock has been moved to it', async () => {
  await using own = await testBackend(app)
  await own.transaction(async (_db, { enqueue }) => enqueue(write, { text: 'later' }, { delay: 24 * 60 * 60_000 }))
  await own.settled()
  expect(await texts(own.db)).toEqual([])
  own.clock.move({ days: 1 })
  await own.settled()
  expect(await texts(own.db)).toEqual(['later'])
})

test('the next attempt of a job that fails comes with the clock, too', async () => {
  await using own = await testBackend(app)
  await own.transaction(async (_db, { enqueue }) => enqueue(broken, {}))
  const failures = () => own.log.filter(({ event }) => event === 'job.ended').map(({ state }) => state)
  await own.settled()
  expect(failures()).toEqual(['delayed'])
  own.clock.move({ minutes: 1 })
  await own.settled()
  expect(failures()).toEqual(['delayed', 'failed'])
})
