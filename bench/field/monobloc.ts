import path from 'node:path'
import { sayReady } from '../servers/listening.ts'
import { app } from './monobloc-app.ts'

const listening = await app.start({
  port: 0,
  environment: {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    MONOBLOC_LOG: 'silent',
    MONOBLOC_DATA: path.dirname(process.argv[2]!),
    MONOBLOC_SECRET: crypto.randomUUID() + crypto.randomUUID(),
  },
})
process.on('SIGTERM', async () => {
  await listening.stop()
  process.exit()
})
sayReady(listening.port)
