import { MonoblocError } from '../../src/errors.ts'
import type { Answer, HttpHost, Unit } from '../../src/http/index.ts'

export interface MemoryDb {
  mode: Unit['mode'] | 'prepare'
  unit: Unit
}

export interface TestUser {
  name: string
}

/**
 * The port that HTTP asks of the rest, without a database: users by name as the bearer token, each unit's facts as its
 * `db`, answers by idempotency key. `sync` answers within the call, as an engine in the same process may.
 */
export function memoryHost({ sync = true } = {}): HttpHost<TestUser> & { units: Unit[] } {
  const units: Unit[] = []
  const stored = new Map<string, { fingerprint: string; answer: Answer }>()
  const known = new Set(['ann', 'bob'])
  return {
    units,
    identify(headers) {
      const token = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1]
      if (token === undefined) return null
      if (!known.has(token)) throw new MonoblocError('invalid_token')
      return sync ? { name: token } : Promise.resolve({ name: token })
    },
    run(unit, work) {
      units.push(unit)
      const db: MemoryDb = { mode: unit.mode, unit }
      const claim = unit.idempotency
      if (!claim) return sync ? work({ db }) : Promise.resolve().then(() => work({ db }))
      const scoped = `${(unit.user as TestUser | null)?.name} ${claim.route} ${claim.key}`
      const before = stored.get(scoped)
      if (before && before.fingerprint !== claim.fingerprint) throw new MonoblocError('idempotency_mismatch')
      if (before) return { ...before.answer, replayed: true }
      return Promise.resolve(work({ db })).then((answer) => {
        stored.set(scoped, { fingerprint: claim.fingerprint, answer })
        return answer
      })
    },
    prepare: (unit, work) => work({ db: { mode: 'prepare', unit } satisfies MemoryDb }),
    tools: { auth: { issue: (user: TestUser) => `token of ${user.name}` } },
  }
}
