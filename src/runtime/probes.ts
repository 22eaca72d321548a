import { createEndpoint, type Endpoint } from '../http/index.ts'
import type { Health, HealthReport } from '../observe/index.ts'

const endpoint = createEndpoint<unknown, null>()

/** What an orchestrator asks: `/livez` and `/readyz`. They answer without the database's transactions and without an identity. */
export function probes(health: Health): Endpoint[] {
  return [
    probe('GET /livez', 'Whether this process is alive', () => health.live()),
    probe('GET /readyz', 'Whether it may be sent requests', () => health.ready()),
  ]
}

function probe(
  route: 'GET /livez' | 'GET /readyz',
  summary: string,
  report: () => HealthReport | Promise<HealthReport>,
): Endpoint {
  return endpoint(route, {
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
}
