import { backend, define, model, t } from 'monobloc'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { engine } from '../conformance/engine.ts'
import { call, expectProblem } from './call.ts'
import { serveApp } from './served-app.ts'

const User = model('user', { id: t.id(), name: t.text() })

async function served() {
  const { endpoint, job, policy } = define({ models: { User }, user: User })
  policy(User, { anyone: { read: true } })
  let go: (failed?: boolean) => void = () => {}
  const report = job('report', {
    input: z.object({ year: z.int() }),
    transaction: false,
    retry: false,
    mayFollow: ({ user, job }) => user?.name === 'boss' && (job.input as { year: number }).year > 2000,
    async handle({ input, progress, signal }) {
      progress({ page: 1 })
      const failed = await new Promise<boolean | undefined>((resolve, reject) => {
        go = resolve
        signal.addEventListener('abort', () => reject(signal.reason))
      })
      if (failed) throw new Error('secret of the inside')
      return { pages: input.year }
    },
  })
  const open = job('open', { input: z.object({}), handle: () => 1 })
  const hidden = job('hidden', { input: z.object({}), handle: () => 1 })
  const app = backend({
    ...(await databaseOf()),
    serve: [
      report,
      open,
      hidden,
      endpoint('POST /reports', {
        body: z.object({ year: z.int() }),
        returns: { 202: report },
        handle: ({ body, enqueue }) => enqueue(report, body),
      }),
      endpoint('POST /open', { anyone: true, returns: { 202: open }, handle: ({ enqueue }) => enqueue(open, {}) }),
      endpoint('POST /hidden', { anyone: true, handle: async ({ enqueue }) => enqueue(hidden, {}) }),
      endpoint('POST /users', {
        anyone: true,
        body: z.object({ name: z.string() }),
        handle: async ({ body, db, auth }) => ({ token: auth.issue(await db.asSystem().insert(User, body)) }),
      }),
    ],
  })
  const { port } = await serveApp(app)
  const tokens: Record<string, string> = {}
  const as = async (name?: string): Promise<Record<string, string>> => {
    if (name === undefined) return {}
    tokens[name] ??= (await call(port, 'POST /users', { body: { name } })).json.token
    return { authorization: `Bearer ${tokens[name]}` }
  }
  return {
    app,
    port,
    end: (failed?: boolean) => go(failed),
    ask: async (request: string, who?: string, body?: unknown) => call(port, request, { headers: await as(who), body }),
  }
}

async function databaseOf(): Promise<{ database?: string }> {
  const { DATABASE_URL } = await engine.settings()
  return DATABASE_URL ? { database: DATABASE_URL } : {}
}

/** Asks until the job is in a state. */
async function until(state: string, ask: () => ReturnType<typeof call>) {
  for (;;) {
    const answer = await ask()
    if (answer.json.state === state) return answer
  }
}

test('an endpoint that starts a job answers 202 with where to look, and there it is told how it goes', async () => {
  const { ask, end } = await served()
  const answer = await ask('POST /reports', 'ann', { year: 7 })
  const { id } = answer.json
  expect(answer).toMatchObject({
    status: 202,
    json: { id, name: 'report', state: 'queued' },
    headers: { location: `/jobs/${id}`, 'retry-after': '1', 'content-type': 'application/json' },
  })
  const running = await until('running', () => ask(`GET /jobs/${id}`, 'ann'))
  expect(running.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' })
  while ((await ask(`GET /jobs/${id}`, 'ann')).json.progress === null);
  expect((await ask(`GET /jobs/${id}`, 'ann')).json).toMatchObject({ progress: { page: 1 }, result: null, error: null })
  end()
  const done = await until('done', () => ask(`GET /jobs/${id}`, 'ann'))
  expect(done.headers['retry-after']).toBeUndefined()
  expect(done.json).toEqual({
    id,
    name: 'report',
    state: 'done',
    createdAt: expect.stringMatching(/Z$/),
    startedAt: expect.stringMatching(/Z$/),
    endedAt: expect.stringMatching(/Z$/),
    progress: { page: 1 },
    result: { pages: 7 },
    error: null,
  })
})

test('only whoever started it sees it, and whom the job lets', async () => {
  const { ask, end } = await served()
  const old = (await ask('POST /reports', 'ann', { year: 7 })).json.id
  for (const who of ['bob', 'boss', undefined]) expectProblem(await ask(`GET /jobs/${old}`, who), 404, 'not_found')
  for (const who of ['bob', undefined]) expectProblem(await ask(`DELETE /jobs/${old}`, who), 404, 'not_found')
  await until('running', () => ask(`GET /jobs/${old}`, 'ann'))
  end()
  await until('done', () => ask(`GET /jobs/${old}`, 'ann'))
  const late = (await ask('POST /reports', 'ann', { year: 2026 })).json.id
  expect((await ask(`GET /jobs/${late}`, 'boss')).status).toBe(200)
  await until('running', () => ask(`GET /jobs/${late}`, 'ann'))
  end()
  await until('done', () => ask(`GET /jobs/${late}`, 'ann'))
  // What no endpoint answers with has no address.
  const { id } = (await ask('POST /hidden', 'ann')).json
  expectProblem(await ask(`GET /jobs/${id}`, 'ann'), 404, 'not_found')
  expectProblem(await ask('GET /jobs/0192f0c1-2345-7abc-8def-0123456789ab', 'ann'), 404, 'not_found')
  expectProblem(await ask('GET /jobs/1', 'ann'), 400, 'invalid_params')
})

test('what anyone may start, anyone sees who knows its id', async () => {
  const { ask } = await served()
  const { id } = (await ask('POST /open')).json
  await until('done', () => ask(`GET /jobs/${id}`))
  const own = (await ask('POST /open', 'ann')).json.id
  expectProblem(await ask(`GET /jobs/${own}`), 404, 'not_found')
})

test('a failure shows its code and nothing else', async () => {
  const { ask, end } = await served()
  const { id } = (await ask('POST /reports', 'ann', { year: 7 })).json
  await until('running', () => ask(`GET /jobs/${id}`, 'ann'))
  end(true)
  const failed = await until('failed', () => ask(`GET /jobs/${id}`, 'ann'))
  expect(failed.json.error).toEqual({ code: 'job_failed' })
  expect(failed.body).not.toContain('secret')
})

test('DELETE tells one that runs to stop, and one that has ended answers 409', async () => {
  const { ask } = await served()
  const { id } = (await ask('POST /reports', 'ann', { year: 7 })).json
  await until('running', () => ask(`GET /jobs/${id}`, 'ann'))
  const answer = await ask(`DELETE /jobs/${id}`, 'ann')
  expect(answer).toMatchObject({ status: 202, json: { id, state: 'cancelling' } })
  await until('cancelled', () => ask(`GET /jobs/${id}`, 'ann'))
  expectProblem(await ask(`DELETE /jobs/${id}`, 'ann'), 409, 'job_ended')
})

test('the reference says it', async () => {
  const { ask } = await served()
  const { paths } = (await ask('GET /openapi.json')).json
  expect(Object.keys(paths['/reports'].post.responses['202'].headers)).toEqual(['Location', 'Retry-After'])
  expect(paths['/jobs/{id}'].get.responses['200'].headers).toHaveProperty('Retry-After')
  expect(paths['/jobs/{id}'].delete.responses).toHaveProperty('202')
  expect(paths['/jobs/{id}'].delete.responses).toHaveProperty('409')
})

test('an app without such endpoints has no statuses', async () => {
  const { endpoint, job } = define({ models: { User } })
  const quiet = job('quiet', { input: z.object({}), handle() {} })
  const app = backend({ serve: [quiet, endpoint('GET /', { handle: () => 1 })] })
  expect(app.routes().map(({ path }) => path)).not.toContain('/jobs/:id')
})
