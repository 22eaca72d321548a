import { Agent } from 'node:http'
import type { SystemDb } from '../commit/index.ts'
import type { DataOf, EffectTools, EventType, Jobs } from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import {
  type AppRun,
  type Backend,
  type BackendOptions,
  createAppRun,
  optionsOf,
  transactionOf,
} from '../runtime/index.ts'
import type { AnyModel } from '../schema/index.ts'
import { changesAfter, eventsAfter, type TestChange, type TestEvent } from './test-changes.ts'
import { createTestClient, type TestClient } from './test-client.ts'
import { createTestClock, type TestClock } from './test-clock.ts'
import { makeFolder, removeFolder } from './test-folder.ts'
import { keepLog, type TestLogLine } from './test-log.ts'
import { settle } from './test-settled.ts'
import { newTestDatabase, type TestDatabase, testEnvironment } from './test-template.ts'

export interface TestOptions {
  /** Fills the database from which those of all tests are copied. Default: the backend's own `seed`. False: empty. */
  seed?: BackendOptions['seed'] | false
  /**
   * A PostgreSQL database, as a user who may create others: each test has one of its own beside it, and it is left as it
   * is. Default: what MONOBLOC_TEST_DATABASE says; without it each test has a SQLite file.
   */
  database?: string
  /** Settings as the environment says them: `{ MONOBLOC_BODY_LIMIT: '1kb' }`. The machine's own do not get in. */
  environment?: NodeJS.ProcessEnv
}

export interface TestUser extends TestClient {
  /** A new access token, which ends as any other does. */
  readonly token: string
}

/** A backend of one test, on a database of its own. As a client it is nobody: `await app.get('/articles')`. */
export interface TestBackend extends TestClient, AsyncDisposable {
  /**
   * A client that is signed in as this user: a row of the user model, or any object with its key. It signs in anew for each
   * request, so that moving the clock signs nobody out.
   */
  as(user: object): TestUser
  /** The data, as the system sees it. Each call is a transaction of its own. */
  readonly db: SystemDb<any, any>
  /**
   * One transaction as the system, with what goes along with it:
   *
   *   await app.transaction(async (db, { enqueue }) => enqueue(sendMail, { to: 'ann@example.com' }))
   */
  transaction<T>(work: (db: SystemDb<any, any>, tools: EffectTools) => Promise<T>): Promise<T>
  /**
   * Resolves when all that is due by the clock has run: jobs, subscribers, schedules, and what followed from them. What is
   * due later runs when the clock has been moved and this is called again.
   *
   *   app.clock.move({ hours: 1 })
   *   await app.settled()
   *
   * @throws MonoblocError `deadline_exceeded` when something still runs after 20 seconds
   */
  settled(): Promise<void>
  /** Its jobs: what became of them, cancel, retry, pause and resume. */
  readonly jobs: Jobs
  readonly clock: TestClock
  /** Every line that was logged, from `debug` on, in order. Errors are written to standard error, too. */
  readonly log: readonly TestLogLine[]
  /** Every row that was written since the test began, in order; of one model, where it is named. */
  written(model?: AnyModel | string): Promise<TestChange[]>
  /** Every event that was emitted since the test began, in order; of one kind, where it is named. */
  emitted<E extends EventType<any>>(event: E): Promise<TestEvent<DataOf<E>>[]>
  emitted(): Promise<TestEvent[]>
  /** `http://127.0.0.1:…`, for other clients. */
  readonly url: string
  /** Stops it and removes its database, as `await using` does at the end of its block. */
  stop(): Promise<void>
}

/**
 * Starts a backend for one test, in milliseconds: its database is a copy of one that was made once, tables, seed and
 * all. Any number of them run side by side.
 *
 *   await using app = await testBackend(backend)
 *   const ann = app.as(await app.db.insert(User, { name: 'ann' }))
 *   expect(await ann.post('/notes', { title: 'Bread' })).toMatchObject({ status: 201 })
 *
 * One that is never stopped ends with the process, and so does its file; its database on PostgreSQL, and the prepared one,
 * are dropped by the next process that makes one there.
 *
 * @throws MonoblocError what `start` throws
 */
export async function testBackend(
  app: Backend,
  { seed, database = process.env.MONOBLOC_TEST_DATABASE, environment }: TestOptions = {},
): Promise<TestBackend> {
  const own = optionsOf(app)
  const options: BackendOptions = { ...own, seed: seed === false ? undefined : (seed ?? own.seed) }
  const folder = makeFolder()
  const clock = createTestClock()
  const log: TestLogLine[] = []
  let data: TestDatabase | undefined
  try {
    const { definition } = app.inspect({ folder, environment: testEnvironment(folder) })
    if (definition) data = await newTestDatabase({ app: own, options, folder, server: database })
    const run = await createAppRun(options, {
      folder,
      environment: { ...testEnvironment(folder, data?.url), ...environment },
      logTo: keepLog(log),
      now: () => clock.now().getTime(),
    })
    await run.start()
    run.unref()
    return await offer({ run, folder, data, clock, log, scheme: own.auth?.schemes?.[0] ?? 'Bearer' })
  } catch (error) {
    removeFolder(folder)
    await data?.remove()
    throw error
  }
}

interface Started {
  run: AppRun
  folder: string
  /** Absent in an app without models. */
  data: TestDatabase | undefined
  clock: TestClock
  log: TestLogLine[]
  /** The word before a token. */
  scheme: string
}

async function offer({ run, folder, data: database, clock, log, scheme }: Started): Promise<TestBackend> {
  const { port, url } = run.address!
  const agent = new Agent({ keepAlive: true })
  const begun = (await run.data?.storage.position()) ?? 0
  const data = () => run.data ?? missing('models')
  const issue = (user: object) => (data().identity ?? missing('users')).issue(user)
  const client = (headers: () => Record<string, string>) => createTestClient({ port, agent, headers })
  async function stop(): Promise<void> {
    agent.destroy()
    await run.stop()
    removeFolder(folder)
    await database?.remove()
  }
  return {
    ...client(() => ({})),
    as(user) {
      // A row that is none is refused here, and not at the first request.
      issue(user)
      return {
        ...client(() => ({ authorization: `${scheme} ${issue(user)}` })),
        get token() {
          return issue(user)
        },
      }
    },
    get db() {
      return data().units.loose('system', { readOnly: false }) as unknown as SystemDb<any, any>
    },
    transaction: (work) => transactionOf(data(), work),
    get jobs() {
      return data().effects.jobs
    },
    settled: () => settle(run.data?.effects.followers ?? []),
    clock,
    log,
    async written(model) {
      const name = typeof model === 'object' ? model.name : model
      const changes = await changesAfter(data(), begun)
      return name === undefined ? changes : changes.filter(({ table }) => table === name)
    },
    emitted: (event?: EventType<any>) => eventsAfter(data(), begun, event) as Promise<TestEvent<any>[]>,
    url,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function missing(what: string): never {
  throw new MonoblocError('not_running', { detail: `This backend has no ${what}.` })
}
