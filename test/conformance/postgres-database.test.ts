import { spawn } from 'node:child_process'
import { once } from 'node:events'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { missingServer, newDatabase } from './postgres-database.ts'
import { until } from './storage-fixture.ts'

const missing = missingServer()

async function ask(connectionString: string, sql: string): Promise<any[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe.skipIf(missing)(`a database of a test${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('is empty, UTF-8, its own, and gone when it is dropped', async () => {
    const [one, two] = await Promise.all([newDatabase(), newDatabase()])
    await ask(one.url, 'create table a (n int)')
    const tables = `select count(*)::int as n, current_setting('server_encoding') as encoding
      from pg_tables where schemaname = 'public'`
    expect(await ask(one.url, tables)).toEqual([{ n: 1, encoding: 'UTF8' }])
    expect(await ask(two.url, tables)).toEqual([{ n: 0, encoding: 'UTF8' }])
    await Promise.all([one.drop(), two.drop()])
    await expect(ask(one.url, 'select 1')).rejects.toThrow('does not exist')
  })
  test('is a copy of what was prepared', async () => {
    let prepared = 0
    const template = {
      key: 'one table',
      async prepare(url: string) {
        prepared++
        await ask(url, 'create table a (n int); insert into a values (1)')
      },
    }
    for (let round = 0; round < 4; round++) {
      const { url, drop } = await newDatabase(template)
      expect(await ask(url, 'insert into a values (2) returning (select count(*)::int from a) as n')).toEqual([
        { n: 1 },
      ])
      void drop()
    }
    expect(prepared).toBeLessThanOrEqual(2)
  })
  test('is dropped by a later run when its own was killed', async () => {
    const source = `
      const { newDatabase } = await import(${JSON.stringify(new URL('./postgres-database.ts', import.meta.url).href)})
      console.log((await newDatabase()).url)
      if (process.argv[1] === 'wait') setInterval(() => {}, 1000)`
    const start = (...args: string[]) => {
      const { url } = JSON.parse(process.env.MONOBLOC_TEST_POSTGRES_RUN!)
      const env = { PATH: process.env.PATH, MONOBLOC_TEST_POSTGRES: url }
      const child = spawn(process.execPath, ['--input-type=module', '-e', source, ...args], { env })
      onTestFinished(() => void child.kill('SIGKILL'))
      return child
    }
    const killed = start('wait')
    const [left] = (await once(killed.stdout, 'data')).map((text) => String(text).trim())
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    const later = start()
    await once(later, 'exit')
    await until(() =>
      ask(left!, 'select 1').then(
        () => false,
        (error) => /does not exist/.test(error.message),
      ),
    )
  })
})
