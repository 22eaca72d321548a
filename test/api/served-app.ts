import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Backend } from 'monobloc'
import { onTestFinished } from 'vitest'
import { folderWith } from './child-app.ts'

export interface ServedApp {
  port: number
  /** Every line of its log. */
  lines: any[]
}

/** Starts a backend on any port until the test ends, with its log kept. */
export async function serveApp(app: Backend, { listen = true } = {}): Promise<ServedApp> {
  const lines: any[] = []
  const folder = folderWith({})
  onTestFinished(() => app.stop())
  const { port } = await app.start({
    listen,
    folder,
    environment: { NODE_ENV: 'test', PORT: '0', MONOBLOC_DATA: folder, MONOBLOC_LOG_FORMAT: 'json' },
    logTo: { write: (line) => lines.push(JSON.parse(line)) },
  })
  return { port, lines }
}

/** Listens with a server of Node's own until the test ends. */
export async function serveNode(listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
