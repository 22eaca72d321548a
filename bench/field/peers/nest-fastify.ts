import { startNest } from './nest.ts'

await startNest('fastify')
