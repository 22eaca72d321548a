import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChild, stopChild } from './child.ts'
import { median } from './measurement.ts'

/** How long an app of three lines takes from the start of its process to its first 200. */
export interface ColdStart {
  workload: 'coldstart'
  server: 'monobloc'
  /** Whether `monobloc` was the TypeScript of the repository or the built package. */
  form: 'sources' | 'built package'
  starts: number
  medianMillis: number
  leastMillis: number
  greatestMillis: number
}

const starts = 9

export async function measureColdStarts(say: (line: string) => void): Promise<ColdStart[]> {
  const built = existsSync(new URL('../dist/index.js', import.meta.url))
  if (!built) say('Cold start of the built package not measured: there is no dist/ (npm run build).')
  const sources = await measure('sources', ['--conditions=source'])
  return built ? [await measure('built package', []), sources] : [sources]
}

async function measure(form: ColdStart['form'], nodeOptions: string[]): Promise<ColdStart> {
  const millis: number[] = []
  // The first one finds the files not read yet, and is not counted.
  for (let at = 0; at <= starts; at++) millis.push(await startOnce(nodeOptions))
  const counted = millis.slice(1)
  return {
    workload: 'coldstart',
    server: 'monobloc',
    form,
    starts,
    medianMillis: Math.round(median(counted)),
    leastMillis: Math.round(Math.min(...counted)),
    greatestMillis: Math.round(Math.max(...counted)),
  }
}

async function startOnce(nodeOptions: string[]): Promise<number> {
  const port = await freePort()
  const app = fileURLToPath(new URL('./hello-app.ts', import.meta.url))
  const environment = {
    PORT: String(port),
    HOST: '127.0.0.1',
    MONOBLOC_LOG: 'silent',
    MONOBLOC_SECRET: crypto.randomUUID() + crypto.randomUUID(),
  }
  const started = performance.now()
  const child = startChild(app, [], { core: 0, nodeOptions, environment })
  try {
    while ((await statusOf(port)) !== 200) {
      if (child.exitCode !== null) throw new Error(`the app of three lines ended with ${child.exitCode}`)
      await delay(1)
    }
    return performance.now() - started
  } finally {
    await stopChild(child)
  }
}

function statusOf(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', () => resolve(undefined))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
