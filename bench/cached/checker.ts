import { Agent, request } from 'node:http'
import { newestPath } from '../workload.ts'

export interface Checked {
  /** Writes after whose acknowledgement was read. */
  checks: number
  /** What was then read and was older, in words. */
  stale: string[]
}

/** Milliseconds between two checks: enough of them, and little beside the load. */
const pauseMillis = 5

/**
 * Writes rows and reads them when that is acknowledged, on connections of its own, while the load runs: nothing that is read
 * then may be older. Rows by their key, and the newest page.
 */
export function startChecker(port: number): { stop(): Promise<Checked> } {
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })] as const
  const found: Checked = { checks: 0, stale: [] }
  let isRunning = true
  const run = async (): Promise<void> => {
    const [first] = JSON.parse(await ask(agents[0], port, 'GET', newestPath)) as [{ id: number }]
    for (let count = 1; isRunning; count++) {
      const title = `Checked ${count}`
      // In turn a row of the newest page and one that is far from it.
      const id = count % 2 ? first.id : 1 + (count % 1000)
      await ask(agents[0], port, 'GET', `/items/${id}`)
      await ask(agents[0], port, 'PATCH', `/items/${id}`, { title })
      const row = JSON.parse(await ask(agents[1], port, 'GET', `/items/${id}`)) as { title: string }
      if (row.title !== title) found.stale.push(`item ${id} is "${row.title}" after "${title}" was acknowledged`)
      if (count % 2) {
        const page = JSON.parse(await ask(agents[1], port, 'GET', newestPath)) as { id: number; title: string }[]
        const shown = page.find((one) => one.id === id)
        if (shown && shown.title !== title) found.stale.push(`the page has "${shown.title}" after "${title}"`)
      }
      found.checks++
      await new Promise((resolve) => setTimeout(resolve, pauseMillis))
    }
  }
  const running = run()
  return {
    async stop() {
      isRunning = false
      await running
      for (const agent of agents) agent.destroy()
      return found
    },
  }
}

function ask(agent: Agent, port: number, method: string, path: string, value?: unknown): Promise<string> {
  const body = value === undefined ? undefined : JSON.stringify(value)
  const headers = body === undefined ? {} : { 'content-type': 'application/merge-patch+json' }
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', method, path, agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => (text += part))
      response.on('end', () =>
        response.statusCode! < 300
          ? resolve(text)
          : reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`)),
      )
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
