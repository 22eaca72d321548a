import type { WebhookControl, WebhookDelivery } from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import { exitCodes, painter, programs, withAppEffects } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command, OptionValues, Terminal } from './command.ts'
import { deliveryTable, endpointTable } from './webhook-report.ts'

type Paint = ReturnType<typeof painter>

interface Told {
  json: unknown
  text(paint: Paint): string
}

type Verb = (webhooks: WebhookControl, operand: string, options: OptionValues) => Promise<Told>
type Endpoint = Awaited<ReturnType<WebhookControl['get']>>

const one = (found: Endpoint): Told => ({ json: found, text: (paint) => endpointTable([found], paint) })

const withSecret = (found: Endpoint & { secret: string }): Told => ({
  json: found,
  text: (paint) => `${endpointTable([found], paint)}${found.secret}\nThe secret is not shown again.\n`,
})

const verbs: Record<string, Verb> = {
  async list(webhooks, _, { owner }) {
    const found = await webhooks.list(owner === undefined ? {} : { owner: owner as string })
    return { json: found, text: (paint) => endpointTable(found, paint) }
  },
  async add(webhooks, url, { events, owner, description }) {
    const given = { owner: owner as string | undefined, description: description as string | undefined }
    return withSecret(
      await webhooks.add({ url, events: (events as string | undefined)?.split(','), ...definite(given) }),
    )
  },
  async remove(webhooks, id) {
    await webhooks.remove(id)
    return { json: { id, removed: true }, text: () => `${id} is removed.\n` }
  },
  enable: async (webhooks, id) => one(await webhooks.enable(id)),
  disable: async (webhooks, id) => one(await webhooks.disable(id)),
  async rotate(webhooks, id, { overlap }) {
    return withSecret(await webhooks.rotate(id, overlap === undefined ? {} : { overlap: Number(overlap) * 1000 }))
  },
  async deliveries(webhooks, id, { state, limit, before }) {
    const found = await webhooks.deliveries(id, {
      ...definite({ state: state as WebhookDelivery['state'] | undefined, before: before as string | undefined }),
      ...(limit !== undefined && { limit: Number(limit) }),
    })
    return { json: found, text: (paint) => deliveryTable(found, paint) }
  },
  async replay(webhooks, id, { since, after }) {
    const place = {
      ...(since !== undefined && { since: new Date(since as string) }),
      ...(after !== undefined && { after: Number(after) }),
    }
    const done = await webhooks.replay(id.includes(':') ? id : { endpoint: id, ...place })
    const more = done.after === null ? '' : ` There are more: go on with --after ${done.after}.`
    return { json: done, text: () => `${done.count} to be sent again.${more}\n` }
  },
  async skip(webhooks, id) {
    const found = await webhooks.skip(id)
    return { json: found, text: (paint) => deliveryTable([found], paint) }
  },
}

export const webhooksCommand: Command = {
  name: 'webhooks',
  summary: 'Show, add and mend the endpoints of webhooks, and what is sent to them.',
  operands: [
    {
      name: 'verb',
      help: 'What to do. Without it: list.',
      optional: true,
      choices: {
        list: 'The endpoints: which fail, since when, and what waits.',
        deliveries: 'What was sent to one, the newest first, and what it answered.',
        add: 'Send to a URL from now on. Shows its secret, once.',
        remove: 'Forget one, with all of its deliveries.',
        enable: 'Let one have what waits for it, at once.',
        disable: 'Send nothing to one.',
        rotate: 'Give one a new secret. The one before signs too for a while.',
        replay: 'Send a delivery again; or to an endpoint all since a time or position.',
        skip: 'Never send a delivery that waits: the next one goes at once.',
      },
    },
    { name: 'what', help: 'An endpoint, a delivery (skip, replay), or a URL (add).', optional: true },
  ],
  takesApp: true,
  about: `Works on the database, whether the app runs or not: processes heed it within a second. With --json: list [endpoint],
enable and disable an endpoint { id, url, owner, events, description, state, reason, since, created, waiting, failingSince,
nextAttempt }, add and rotate the same with its secret, deliveries [delivery], skip a delivery { id, endpoint, message,
event, data, state, attempts, at, created, tried, status, duration, error, response }, replay { count, after }, remove { id,
removed }.`,
  options: {
    owner: {
      type: 'string',
      value: 'name',
      only: ['list', 'add'],
      help: 'Whose it is: only what happened to them is sent.',
    },
    events: { type: 'string', value: 'names', only: ['add'], help: 'Which events, with commas between. Default: all.' },
    description: { type: 'string', value: 'text', only: ['add'], help: 'A note for people.' },
    overlap: {
      type: 'string',
      value: 'seconds',
      only: ['rotate'],
      help: 'How long both secrets sign. Default: a day.',
    },
    state: { type: 'string', value: 'state', only: ['deliveries'], help: 'Only those: waiting, delivered or skipped.' },
    limit: { type: 'string', value: 'number', only: ['deliveries'], help: 'How many, from 1 to 1000. Default: 50.' },
    before: { type: 'string', value: 'id', only: ['deliveries'], help: 'Only those before this one: the next page.' },
    since: { type: 'string', value: 'time', only: ['replay'], help: 'From this time on, in ISO 8601.' },
    after: { type: 'string', value: 'position', only: ['replay'], help: 'Behind this position of the log.' },
  },
  exits: { 1: 'There is no such endpoint or delivery, its address is not called, or an error that nothing caught.' },
  async run(options, file, terminal, [verb = 'list', operand]) {
    const wrong = problemOf(verb, operand, options)
    if (wrong) return refuse(terminal, wrong)
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, terminal.folder, mode)
    const { folder, out, colour } = terminal
    const told = await withAppEffects(app, { folder }, ({ webhooks }) => {
      if (!webhooks) throw new MonoblocError('app_invalid', { detail: `${app.name} serves no webhooks.` })
      return verbs[verb]!(webhooks, operand!, options)
    })
    out(options.json ? `${JSON.stringify(told.json, null, 2)}\n` : told.text(painter(colour)))
    return exitCodes.ok
  },
}

function problemOf(verb: string, operand: string | undefined, options: OptionValues): string | undefined {
  if (verb === 'list')
    return operand === undefined ? undefined : `webhooks list does not take ${JSON.stringify(operand)}`
  const isDelivery = verb === 'skip' || (verb === 'replay' && operand?.includes(':'))
  if (operand === undefined)
    return `webhooks ${verb} needs ${verb === 'add' ? 'a URL' : isDelivery ? 'a delivery' : 'an endpoint'}`
  const { since, after, overlap, state } = options as Record<string, string | undefined>
  if (verb === 'replay' && !isDelivery && (since === undefined) === (after === undefined))
    return 'webhooks replay needs --since or --after with an endpoint'
  if (since !== undefined && Number.isNaN(Date.parse(since))) return `${since} is no time: write 2026-11-23T07:00:00Z`
  for (const number of [after, overlap])
    if (number !== undefined && !/^\d{1,15}$/.test(number)) return `${JSON.stringify(number)} is no number`
  if (state !== undefined && !['waiting', 'delivered', 'skipped'].includes(state))
    return '--state is waiting, delivered or skipped'
  return undefined
}

/** Without what nobody said. */
function definite<T extends object>(given: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}

function refuse(terminal: Terminal, problem: string): number {
  terminal.err(`${problem}\nmonobloc webhooks --help says how it is used.\n`)
  return exitCodes.usage
}
