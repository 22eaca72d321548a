import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import type { Campaign } from '../campaign/campaign.ts'
import { badInputApp } from './bad-input-app.ts'
import { type BadRequest, badRequests } from './bad-input-cases.ts'
import { exchange } from './raw-exchange.ts'

const casesOfSeed = 300
const atOnce = 8

/** Whatever is sent, the answer is a 4xx that says what is wrong, the server goes on, and nothing is written. */
export const campaign: Campaign = {
  name: 'bad-input',
  unit: 'cases',
  engines: ['sqlite'],
  seeds: 40,
  slice: [1, 2],
  async run(seed, { folder }) {
    const app = badInputApp()
    const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }
    const { port } = await app.start({ port: 0, folder, environment })
    try {
      const before = contentOf(folder)
      const cases = fc.sample(badRequests, { seed, numRuns: casesOfSeed })
      const violations: string[] = []
      for (let at = 0; at < cases.length; at += atOnce) {
        const some = cases.slice(at, at + atOnce)
        const found = await Promise.all(some.map((one) => judge(port, one)))
        violations.push(...found.filter((words) => words !== undefined))
      }
      const alive = await exchange(port, Buffer.from('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
      if (alive?.status !== 200) violations.push('the server did not live on')
      if (contentOf(folder) !== before) violations.push('something was written')
      return { count: cases.length, violations: violations.slice(0, 20), families: counted(cases) }
    } finally {
      await app.stop()
    }
  },
}

async function judge(port: number, { family, bytes }: BadRequest): Promise<string | undefined> {
  const answer = await exchange(port, bytes)
  const shown = `${family}: ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}`
  if (!answer) return `${shown} had no answer`
  if (answer.status < 400 || answer.status > 499) return `${shown} had ${answer.status} ${answer.body.slice(0, 200)}`
  if (!/^content-type: application\/problem\+json/im.test(answer.head))
    return `${shown} had no problem document: ${answer.head}`
  const problem = JSON.parse(answer.body) as { code?: unknown; status?: unknown }
  if (typeof problem.code !== 'string' || problem.status !== answer.status) return `${shown} had ${answer.body}`
  return undefined
}

/** Every row and the position of the log, as text. */
function contentOf(folder: string): string {
  const db = new DatabaseSync(path.join(folder, 'data', 'app.db'), { readOnly: true })
  const count = (table: string) => db.prepare(`select count(*) as n from ${table}`).get()!.n
  const counts = ['shelf', 'thing', 'thing_tags', 'monobloc_log', 'monobloc_commit', 'monobloc_idempotency'].map(count)
  db.close()
  return counts.join()
}

function counted(cases: readonly BadRequest[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { family } of cases) counts[family] = (counts[family] ?? 0) + 1
  return counts
}
