import type { Definition } from '../access/index.ts'
import { type Action, type Guard, Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import { createHttpServer, type Endpoint, type HttpHost, type Problem } from '../http/index.ts'
import { type AnyModel, type Field, fieldValidator, shownFilter, valueField } from '../schema/index.ts'
import {
  type AnyRow,
  databaseExists,
  type Explainer,
  openExplainer,
  placeOf,
  Queries,
  type Storage,
} from '../storage/index.ts'
import { optionsOf } from './backend.ts'
import type { Backend } from './backend-types.ts'
import { routeOf } from './compose.ts'
import type { ExplainOptions, Explanation } from './explain.ts'
import { explainedRequest } from './explain-request.ts'
import { allServed } from './served.ts'

/** See `explain`. */
export async function runExplain(app: Backend, what: string, options: ExplainOptions = {}): Promise<Explanation> {
  const { config, definition } = app.inspect(options)
  if (config instanceof Error) throw config
  if (!definition) throw new MonoblocError('configuration_invalid', { detail: 'This app has no models.' })
  const { database } = config
  if (!databaseExists(database)) {
    const detail = `There is no database at ${placeOf(database)}: start the app first.`
    throw new MonoblocError('configuration_invalid', { detail })
  }
  const { endpoint, target } = explainedRequest(allServed(optionsOf(app).serve).endpoints, definition, what)
  const explainer = await openExplainer(database)
  try {
    return await explained(definition, explainer, endpoint, target, options.user)
  } finally {
    await explainer.close()
  }
}

async function explained(
  definition: Definition,
  explainer: Explainer,
  endpoint: Endpoint,
  target: string,
  key: string | undefined,
): Promise<Explanation> {
  const { schema, policies } = definition
  const queries = new Queries(explainer.dialect, schema)
  const user = key === undefined ? null : await userWith(definition.user, key, queries, explainer)
  const guard = policies.guard(schema, user)
  const route = routeOf(endpoint)
  const base = { route, user: key ?? null }
  if (route.transaction !== 'read' || endpoint.method === 'QUERY') {
    const model = schema.models.get(endpoint.resource ?? '')
    const policy = model ? rulesOf(guard, [model], ['read', ...(writes[endpoint.method] ?? [])]) : []
    return { ...base, policy, answer: null, runs: null, statements: [] }
  }
  // Looking the user up is no part of it.
  explainer.statements = []
  const answer = await ask(endpoint, target, hostOf(definition, explainer, queries, user))
  const { statements } = explainer
  const named = new Set(statements.flatMap(({ tables }) => tables))
  const models = [...schema.models.values()].filter(({ name }) => named.has(name))
  const inProcess = statements.every((statement) => statement.inProcess) ? 'in process' : 'in a reader process'
  const runs = explainer.dialect.name === 'postgres' ? 'on the server' : inProcess
  return { ...base, policy: rulesOf(guard, models, ['read']), answer, runs, statements }
}

const writes: Record<string, Action[]> = { POST: ['create'], PUT: ['update'], PATCH: ['update'], DELETE: ['delete'] }

function rulesOf(guard: Guard, models: readonly AnyModel[], actions: readonly Action[]): Explanation['policy'] {
  return models.flatMap((model) =>
    actions.map((action) => ({ model: model.name, action, rule: shownFilter(guard.rule(model, action)) })),
  )
}

async function userWith(
  model: AnyModel | undefined,
  key: string,
  queries: Queries,
  { session }: Explainer,
): Promise<AnyRow> {
  if (!model) throw new MonoblocError('configuration_invalid', { detail: 'This app has no users.' })
  const field = model.fields.get(model.key[0]!) as Field
  const { kind } = valueField(field)
  const given = kind === 'serial' || kind === 'integer' ? Number(key) : key
  const read = fieldValidator(field).safeParse(given)
  const found = read.success ? await queries.get(session, model, read.data) : undefined
  if (!found)
    throw new MonoblocError('not_found', { subject: model.name, detail: `No ${model.name} has the key ${key}.` })
  return found
}

// A development machine may be slow, and nobody else waits.
const deadline = 60_000

function hostOf(
  { schema, policies, hooks }: Definition,
  { session }: Explainer,
  queries: Queries,
  user: AnyRow | null,
): HttpHost<AnyRow> {
  const storage: Pick<Storage, 'read' | 'write'> = {
    read: (_, work) => work(session),
    write: () => Promise.reject(new MonoblocError('transaction_read_only')),
  }
  const guardFor = (acting: object | null) => policies.guard(schema, acting)
  const units = new Units({ storage: storage as Storage, queries, schema, hooks, guardFor })
  return {
    identify: () => user,
    run: (_, work) => units.read({ deadline }, user, (db) => work({ db })),
    prepare: (_, work) => work({ db: units.loose(user, { readOnly: true, deadline }) }),
    tools: { auth: { issue: () => 'a token' } },
  }
}

/** Serves the one endpoint to this process alone, for as long as it takes. */
async function ask(endpoint: Endpoint, target: string, host: HttpHost<AnyRow>): Promise<Explanation['answer']> {
  const server = createHttpServer({ routes: [endpoint], host, options: { development: true } })
  const { url } = await server.listen({ port: 0 })
  try {
    const answer = await fetch(url + target, { redirect: 'manual' })
    const body = Buffer.from(await answer.arrayBuffer())
    return { status: answer.status, bytes: body.length, problem: answer.ok ? null : problemIn(body) }
  } finally {
    server.closeConnections()
    await server.close()
  }
}

function problemIn(body: Buffer): string {
  try {
    const { code, detail, title, errors = [] } = JSON.parse(body.toString()) as Problem
    const said = errors.map(({ pointer, parameter, detail }) =>
      [pointer ?? parameter, detail].filter(Boolean).join(' '),
    )
    return [code, said.length > 0 ? said.join('; ') : (detail ?? title)].filter(Boolean).join(': ')
  } catch {
    return body.toString().slice(0, 200)
  }
}
