import path from 'node:path'
import { sayReady } from './listening.ts'
import { app } from './monobloc-app.ts'

// Beside a database server it keeps nothing but uploads, of which there are none.
const data = process.env.BENCH_DATA ?? path.dirname(process.argv[2] ?? 'build/none')

const listening = await app.start({
  port: 0,
  environment: {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    MONOBLOC_LOG: 'silent',
    MONOBLOC_DATA: data,
    MONOBLOC_SECRET: secret(),
    ...(process.env.BENCH_DATABASE && { DATABASE_URL: process.env.BENCH_DATABASE }),
  },
})
process.on('SIGTERM', async () => {
  await listening.stop()
  process.exit()
})
// Last: who hears it may send a signal at once.
sayReady(listening.port)

function secret(): string {
  return crypto.randomUUID() + crypto.randomUUID()
}
