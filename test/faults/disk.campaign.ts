import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { atEnd } from '../campaign/at-end.ts'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged, type Sent } from './acknowledged.ts'
import { checkDatabase } from './check.ts'
import { checkAnswers } from './check-answers.ts'
import { checkSumRead } from './check-reads.ts'
import { Connection } from './connection.ts'
import { Random } from './random.ts'
import { Server } from './server.ts'
import { mountSmall, unmount, whyNoMount } from './tools.ts'
import { Workload } from './workload.ts'

const clients = 6
const kib = 8192

/**
 * The disk is full: writes answer 503 `database_full`, reads go on, nothing acknowledged is lost, and when there is space
 * again, service resumes without a restart. Then it is full once more and the server is killed.
 */
export const campaign: Campaign = {
  name: 'disk',
  chance:
    'The seed gives what each client sends and how much space there is; which request meets the end of it is up to the machine.',
  unit: 'faults',
  engines: ['sqlite'],
  seeds: 10,
  slice: [1],
  unavailable: whyNoMount,
  async run(seed, { folder }) {
    const disk = path.join(folder, 'disk')
    mkdirSync(disk)
    mountSmall(disk, kib)
    const forget = atEnd(() => unmount(disk))
    try {
      return await fillDisk(seed, disk)
    } finally {
      forget()
      unmount(disk)
    }
  },
}

const isFull = ({ refusal }: Sent) => refusal?.status === 503 && refusal.body.includes('database_full')

async function fillDisk(seed: number, disk: string) {
  const random = new Random(seed)
  const file = path.join(disk, 'app.db')
  const ballast = path.join(disk, 'ballast')
  const ledger = new Acknowledged()
  const workload = new Workload(seed, clients, ledger)
  const violations: string[] = []
  const server = Server.spawn({ database: file })
  const port = await server.listening()
  if (port === null) throw new Error(`it does not start: ${server.output}`)

  fill()
  const firstFull = await untilFull()
  violations.push(...(await readsGoOn(port)))
  rmSync(ballast)
  const before = ledger.count('acknowledged')
  await workload.run(port, 20)
  const resumed = ledger.count('acknowledged') - before
  if (resumed === 0) violations.push('no write was accepted when there was space again')
  fill()
  const secondFull = await untilFull()
  server.kill()
  await server.ended
  violations.push(...workload.violations, ...checkAnswers(ledger, isFull), ...(await checkDatabase(file, ledger)))

  rmSync(ballast, { force: true })
  const again = Server.spawn({ database: file })
  if ((await again.listening()) === null) violations.push(`it does not start again: ${again.output}`)
  await again.stop()
  violations.push(...(await checkDatabase(file, ledger)).map((text) => `after another start: ${text}`))
  return {
    count: 2,
    violations,
    firstFull,
    secondFull,
    resumed,
    acknowledged: ledger.count('acknowledged'),
    refused: ledger.all().filter(isFull).length,
  }

  /** Takes all space but a little. */
  function fill(): void {
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - (16 + random.below(240)) * 1024)))
  }

  /** Writes until a few requests were refused for the disk. */
  async function untilFull(): Promise<number> {
    const start = ledger.all().length
    const wanted = ledger.all().filter(isFull).length + 5 + random.below(20)
    for (let round = 0; ledger.all().filter(isFull).length < wanted; round++) {
      if (round > 2000) throw new Error('the disk does not get full')
      if ((await workload.run(port!, 5)) > 0) throw new Error(`a connection broke: ${server.output}`)
    }
    return ledger.all().length - start
  }
}

async function readsGoOn(port: number): Promise<string[]> {
  const connection = new Connection(port)
  const found = await checkSumRead(connection, true)
  connection.close()
  return found.map((text) => `while the disk is full: ${text}`)
}
