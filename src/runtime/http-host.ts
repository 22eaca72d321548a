import type { Identity } from '../access/index.ts'
import type { Idempotency, IdempotentRequest, ScopedDb, StoredAnswer, Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Answer, HttpHost, Keeping, Unit, UnitScope } from '../http/index.ts'
import type { AnyRow, MaybePromise } from '../storage/index.ts'
import type { AuthOptions } from './backend-types.ts'

export interface HttpHostOptions {
  units: Units
  idempotency: Idempotency
  /** Absent in an app without a user model. */
  identity: Identity | undefined
  /** Asked where a request has no token. */
  identify?: AuthOptions['identify']
  /** Absent where nothing is kept. */
  keeping?: Pick<Keeping, 'cache' | 'guardFor' | 'userModel'> | undefined
}

type Work = (scope: UnitScope) => MaybePromise<Answer>

/** Runs what HTTP asks for in units of work, as the user who asks. */
export function createHttpHost(options: HttpHostOptions): HttpHost<AnyRow> {
  const { units, idempotency, identity, identify, keeping } = options
  const who = (unit: Unit<AnyRow>) => ({
    actor: unit.user && identity ? identity.keyOf(unit.user) : null,
    cause: unit.cause,
    trace: unit.trace,
  })

  async function inTransaction(unit: Unit<AnyRow>, work: Work): Promise<Answer> {
    const request = claimOf(unit, identity)
    const leave = request && (await idempotency.enter(request))
    try {
      return await units.write(
        { deadline: unit.deadline, label: unit.label, ...who(unit) },
        unit.user,
        async (db, session) => {
          const stored = request && (await idempotency.recall(session, request))
          if (stored) return asAnswer(stored)
          const user = unit.user && identity ? await identity.again(session, unit.user) : unit.user
          const answer = await work({ db: user === unit.user ? db : db.as(user!), user } as UnitScope)
          if (request) await idempotency.remember(session, request, asStored(answer))
          return answer
        },
      )
    } finally {
      leave?.()
    }
  }

  async function withoutTransaction(unit: Unit<AnyRow>, work: Work): Promise<Answer> {
    const db = units.loose(unit.user, { readOnly: false, deadline: unit.deadline, write: who(unit) })
    const request = claimOf(unit, identity)
    if (!request) return work({ db })
    const leave = await idempotency.enter(request)
    try {
      const stored = await idempotency.begin(request)
      if (stored) return asAnswer(stored)
      const answer = await Promise.try(work, { db }).catch(async (error: unknown) => {
        // A refusal is an outcome: the request may be sent again once it is put right.
        if (error instanceof MonoblocError && error.status < 500) await idempotency.forget(request)
        throw error
      })
      await idempotency.finish(request, asStored(answer))
      return answer
    } finally {
      leave()
    }
  }

  return {
    ...(identity && {
      identify: identify
        ? (headers, request) => identity.identify(headers.authorization) ?? known(identity, identify(request))
        : (headers) => identity.identify(headers.authorization),
      tools: { auth: { issue: (user: object) => identity.issue(user) } },
    }),
    ...(keeping && {
      keeping: {
        ...keeping,
        keyOf: (user: object) => identity?.keyOf(user),
        onlyTokens: identify === undefined,
      },
    }),
    run(unit, work) {
      if (unit.mode === 'write') return inTransaction(unit, work)
      if (unit.mode === false) return withoutTransaction(unit, work)
      return units.read(unit, unit.user, (db) => work({ db }))
    },
    prepare: (unit, work) =>
      work({ db: units.loose(unit.user, { readOnly: true, deadline: unit.deadline }) satisfies ScopedDb }),
  }
}

/** The user whose key middleware has found out. */
function known(identity: Identity, key: unknown): MaybePromise<AnyRow | null> {
  if (key instanceof Promise) return key.then((found) => known(identity, found))
  return key === null || key === undefined ? null : identity.byKey(key)
}

function claimOf(unit: Unit<AnyRow>, identity: Identity | undefined): IdempotentRequest | null {
  if (!unit.idempotency) return null
  const { key, route, fingerprint } = unit.idempotency
  return { scope: idempotencyScope(unit.user && identity ? identity.keyOf(unit.user) : null, route), key, fingerprint }
}

function asStored({ status, headers, body }: Answer): StoredAnswer {
  if (body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new MonoblocError('definition_invalid', {
      detail: 'A streamed answer cannot be kept for an Idempotency-Key: say idempotency: false.',
    })
  }
  return { status, headers, body: typeof body === 'string' ? Buffer.from(body) : body }
}

function asAnswer({ status, headers, body }: StoredAnswer): Answer {
  return { status, headers, body, tag: null, replayed: true }
}

/** Keys of different users, and on different routes, never meet. */
export function idempotencyScope(user: string | null, route: string): string {
  return `${user ?? ''} ${route}`
}
