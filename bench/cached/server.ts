import path from 'node:path'
import { sayReady } from '../servers/listening.ts'
import { app } from './app.ts'

const { port, stop } = await app.start({
  port: 0,
  environment: {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    MONOBLOC_LOG: 'silent',
    MONOBLOC_DATA: path.dirname(process.argv[2]!),
    MONOBLOC_SECRET: crypto.randomUUID() + crypto.randomUUID(),
  },
})
// Whoever measures asks what was kept.
process.on('message', () => process.send!(app.cache ?? {}))
process.on('SIGTERM', async () => {
  await stop()
  process.exit()
})
sayReady(port)
