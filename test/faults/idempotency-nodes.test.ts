// One Idempotency-Key, sent to several nodes of one PostgreSQL database at once: one effect, and one answer for all.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Acknowledged, type Answer } from './acknowledged.ts'
import { checkContents } from './check.ts'
import { Connection } from './connection.ts'
import { readPostgres } from './contents-postgres.ts'
import { Fleet } from './fleet.ts'
import type { Operation } from './operation.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { PostgresServer } from './postgres-server.ts'
import { record } from './workload.ts'

const missing = whyNoPostgres()
const nodes = 3
const parallel = 100

describe.skipIf(missing)(`a key at several nodes${missing ? ` (${missing})` : ''}`, () => {
  const ledger = new Acknowledged()
  let server: PostgresServer
  let fleet: Fleet
  beforeAll(async () => {
    server = await PostgresServer.create()
    await server.query('create database app')
    fleet = await Fleet.start(Array(nodes).fill(server.url('app')))
  }, 180_000)
  afterAll(async () => {
    fleet?.end()
    await server?.remove()
  })

  /** Every one on a connection of its own, the nodes in turn. */
  function sendEverywhere(operation: Operation): Promise<(Answer | null)[]> {
    const ports = fleet.ports()
    return Promise.all(
      Array.from({ length: parallel }, async (_, at) => {
        const connection = new Connection(ports[at % ports.length]!)
        const answer = await connection.send(operation)
        connection.close()
        return answer
      }),
    )
  }

  /** Of all answers there is one that counts. The others say to try again, or that the connection broke. */
  function theAnswer(answers: (Answer | null)[], mayBreak: boolean): Answer | null | undefined {
    const [first, ...others] = answers.filter((answer) => answer?.status === 201)
    for (const other of others) expect(other).toEqual(first)
    for (const answer of answers) {
      if (answer === null) expect(mayBreak).toBe(true)
      else if (answer.status !== 201) {
        expect(`${answer.status} ${answer.body}`).toMatch(/^(409 .*"idempotency_in_flight"|503 )/)
        expect(answer.retryAfter).toMatch(/^\d+$/)
      }
    }
    return first
  }

  test('100 at once have one effect and one answer', { timeout: 180_000 }, async () => {
    const operation: Operation = { id: 'once.1', kind: 'hit', counter: 'left' }
    const sent = ledger.send(operation)
    const answer = theAnswer(await sendEverywhere(operation), false)
    expect(answer).toBeDefined()
    record(sent, answer!)
    expect(theAnswer(await sendEverywhere(operation), false)).toEqual(answer)
    expect(checkContents(await readPostgres(server.url('app')), ledger)).toEqual([])
  })

  test('the same while a node is killed: whoever asks again hears what the others heard', {
    timeout: 180_000,
  }, async () => {
    for (let round = 0; round < 3; round++) {
      const operation: Operation = { id: `kill.${round}`, kind: 'hit', counter: 'right' }
      const sent = ledger.send(operation)
      const asking = sendEverywhere(operation)
      await fleet.kill(round % nodes)
      const before = theAnswer(await asking, true)
      await fleet.begin(round % nodes)
      const after = theAnswer(await sendEverywhere(operation), false)
      expect(after).toBeDefined()
      if (before) expect(after).toEqual(before)
      record(sent, after!)
    }
    expect(checkContents(await readPostgres(server.url('app')), ledger)).toEqual([])
  })
})
