import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface OwnRedis {
  url: string
  stop(): Promise<void>
}

/** Starts a Redis of its own on a free port, which writes what it does to disk every second. Its folder goes with it. */
export async function startRedis(folder: string): Promise<OwnRedis> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const durable = ['--appendonly', 'yes', '--appendfsync', 'everysec']
  const child = spawn('redis-server', [...settings, ...durable], { stdio: ['ignore', 'pipe', 'inherit'] })
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  let said = ''
  child.stdout.on('data', (data) => (said += data))
  for (let waited = 0; !said.includes('Ready to accept connections'); waited += 20) {
    if (child.exitCode !== null || waited > 10_000) throw new Error(`redis-server did not start: ${said}`)
    await Promise.race([delay(20), failed])
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
