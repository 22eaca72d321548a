import { createEndpoint, type Endpoint } from '../http/index.ts'
import { diagnostic, type HealthReport } from '../observe/index.ts'
import type { RunContext } from './app-run.ts'
import { programs } from './program-registry.ts'

export interface CheckFailed {
  check: string
  error: unknown
}

export const checkFailed = diagnostic<CheckFailed>('health.failed', 'warn', ({ check }) => `Not ready: ${check} fails`)

const endpoint = createEndpoint<unknown, null>()

/** What an orchestrator asks: `/livez` and `/readyz`. They answer without the database's transactions and without an identity. */
export function probes({ health, diagnostics }: Pick<RunContext, 'health' | 'diagnostics'>): Endpoint[] {
  const onFailure = (check: string, error: unknown) => {
    if (diagnostics.on(checkFailed)) diagnostics.emit(checkFailed, { check, error })
  }
  return [
    probe('GET /livez', 'Whether this process is alive', () => health.live()),
    probe('GET /readyz', 'Whether it may be sent requests', async () => withProcesses(await health.ready(onFailure))),
  ]
}

/** Of several processes each answers for itself, and says how many there are: a process that starts is missing only for a moment. */
function withProcesses(report: HealthReport): HealthReport {
  const { processes } = programs().supervised ?? {}
  if (!processes) return report
  const { ready, wanted } = processes
  return { ...report, body: { ...report.body, processes: { ready, wanted } } }
}

function probe(
  route: 'GET /livez' | 'GET /readyz',
  summary: string,
  report: () => HealthReport | Promise<HealthReport>,
): Endpoint {
  const made = endpoint(route, {
    anyone: true,
    transaction: false,
    summary,
    tags: ['health'],
    async handle({ reply }) {
      const { status, body } = await report()
      reply.status(status).header('cache-control', 'no-store')
      return body
    },
  })
  // An orchestrator knows no versions of the API.
  const probe: Endpoint = { ...made, at: () => probe }
  return probe
}
