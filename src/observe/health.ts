/** What a probe is answered: the status to send and the JSON body. */
export interface HealthReport {
  status: 200 | 503
  body: { status: string; checks?: Record<string, string>; processes?: { ready: number; wanted: number } }
}

/** Resolves when the part is fit to serve; throws with the reason otherwise. */
export type HealthCheck = () => unknown | Promise<unknown>

// Kubernetes gives a probe one second by default: an answer that says what hangs must come before that.
const checkDeadline = 800

/**
 * The two questions an orchestrator asks. `/livez`: should this process be restarted? It answers 200 as long as it can
 * answer at all, so that a database that is down does not end every process. `/readyz`: may it be sent requests? 503
 * while starting, while stopping, and while a check fails.
 *
 * Phases: starting → ready → stopping, and `starting` again when it is started again.
 */
export class Health {
  phase: 'starting' | 'ready' | 'stopping' = 'starting'
  readonly #checks = new Map<string, HealthCheck>()

  check(name: string, check: HealthCheck): void {
    this.#checks.set(name, check)
  }

  live(): HealthReport {
    return { status: 200, body: { status: 'ok' } }
  }

  /** Never rejects: a check that fails or takes longer than 800 ms makes the answer 503. The reason is not in it. */
  async ready(onFailure?: (name: string, error: unknown) => void): Promise<HealthReport> {
    if (this.phase !== 'ready') return { status: 503, body: { status: this.phase } }
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => {
        try {
          await withDeadline(check)
          return [name, 'ok'] as const
        } catch (error) {
          onFailure?.(name, error)
          return [name, 'failing'] as const
        }
      }),
    )
    const failing = results.some(([, result]) => result !== 'ok')
    return {
      status: failing ? 503 : 200,
      body: { status: failing ? 'failing' : 'ready', checks: Object.fromEntries(results) },
    }
  }
}

async function withDeadline(check: HealthCheck): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${checkDeadline} ms`)), checkDeadline)
  })
  try {
    await Promise.race([check(), late])
  } finally {
    clearTimeout(timer)
  }
}
