// Each way in which there is no connection, and what is said then.
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect, promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresStorage, type PostgresOptions, type Storage } from '../../src/storage/index.ts'
import { freePort } from '../faults/free-port.ts'
import { ownerOfServers, whyNoPostgres } from '../faults/postgres-programs.ts'
import { PostgresServer } from '../faults/postgres-server.ts'
import { ample, sql } from './storage-fixture.ts'

const missing = whyNoPostgres()

const access = `
hostssl all encrypted 127.0.0.1/32 trust
host all encrypted 127.0.0.1/32 reject
host all secretive 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 trust
host all all 127.0.0.1/32 trust
`

describe.skipIf(missing)(`a connection to PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let folder: string
  let server: PostgresServer
  let certificate: string

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'monobloc-tls-'))
    const key = path.join(folder, 'server.key')
    certificate = path.join(folder, 'server.crt')
    const about = ['-subj', '/CN=elsewhere.example', '-addext', 'subjectAltName=DNS:elsewhere.example,DNS:localhost']
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-keyout', key, '-out', certificate, ...about],
      ],
      { stdio: 'ignore' },
    )
    const rules = path.join(folder, 'pg_hba.conf')
    writeFileSync(rules, access)
    const owner = ownerOfServers()
    if (owner) for (const file of [folder, key, certificate, rules]) chownSync(file, owner.uid, owner.gid)
    server = await PostgresServer.create({
      ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key, hba_file: rules, password_encryption: 'scram-sha-256',
    }) // biome-ignore format: one server
    await server.query('create role secretive login superuser')
    await server.query(`alter role secretive password 'right horse'`)
    await server.query('create role encrypted login superuser')
    await server.query('create role crowded login connection limit 0')
    await server.query('create role stranger login')
    await server.query(`create database plain encoding 'SQL_ASCII' template template0`)
    await server.query('create database closed_one')
    await server.query('revoke connect on database closed_one from public')
  })
  afterAll(async () => {
    await server?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const storages: Storage[] = []
  const servers: net.Server[] = []
  afterEach(async () => {
    await Promise.all(storages.splice(0).map((storage) => storage.close()))
    for (const one of servers.splice(0)) one.close()
  })

  async function opened(url: string, options: Partial<PostgresOptions> = {}): Promise<Storage> {
    const storage = createPostgresStorage({ url, connections: 2, openMillis: 0, ...options })
    storages.push(storage)
    await storage.open()
    return storage
  }

  const as = (user: string, rest = 'postgres', host = '127.0.0.1') =>
    `postgres://${user}@${host}:${server.port}/${rest}`

  test.each<[string, () => string, string]>([
    ['a wrong password', () => as('secretive:wrong%20horse'), 'the password of the user "secretive" is wrong'],
    ['no password', () => as('secretive'), 'it wants a password for "secretive"'],
    ['no such database', () => as('root', 'missing'), 'there is no database "missing": create it with createdb'],
    ['no such user', () => as('nobody_known'), 'role "nobody_known" does not exist'],
    ['a database for others', () => as('stranger', 'closed_one'), 'may not connect to "closed_one"'],
    ['a user who must encrypt', () => as('encrypted'), 'see its pg_hba.conf'],
    ['another encoding', () => as('root', 'plain'), 'encoded as SQL_ASCII: create it with encoding UTF8'],
    ['a certificate that nobody vouches for', () => as('root', 'postgres?sslmode=require'), 'signed by itself: name the authority'],
    ['a certificate for another name', () => as('root', `postgres?sslmode=verify-full&sslrootcert=${certificate}`), 'for another name'],
    ['a missing file', () => as('root', 'postgres?sslmode=require&sslrootcert=/nowhere/ca.crt'), `sslrootcert can't be read`],
  ])('is refused for %s', async (_, url, words) => {
    const error = await opened(url()).then(() => expect.unreachable(), (error) => error)
    expect(error).toMatchObject({ code: 'configuration_invalid', message: expect.stringContaining(words) })
    expect(inspect(error, { depth: 9 })).not.toMatch(/(?:wrong|right)(?:%20| )horse/)
  }) // biome-ignore format: a table

  test('is told what to do when nothing listens, and when the host is not known', async () => {
    const port = await freePort()
    await expect(opened(`postgres://root@127.0.0.1:${port}/postgres`)).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('nothing listens there'),
      headers: { 'Retry-After': '2' },
    })
    await expect(opened('postgres://root@no-such-host.invalid/postgres')).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringMatching(/the host (?:is not known|could not be looked up)|name of the host/),
    })
    await expect(opened(`postgres:///postgres?host=${folder}`)).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('there is no such socket'),
    })
  })

  test('is told what to do when there are too many', async () => {
    await expect(opened(as('crowded'))).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('too many connections'),
    })
  })

  test('is encrypted as the URL says', async () => {
    const encrypted = async (url: string) => {
      const storage = await opened(url)
      const asked = sql('select ssl::int from pg_stat_ssl where pid = pg_backend_pid()')
      return storage.read({ deadline: ample }, (session) => session.value(asked, []))
    }
    expect(await encrypted(as('root'))).toBe(0)
    expect(await encrypted(as('encrypted', 'postgres?sslmode=no-verify'))).toBe(1)
    expect(await encrypted(as('root', `postgres?sslmode=verify-ca&sslrootcert=${certificate}`))).toBe(1)
    expect(await encrypted(as('root', `postgres?sslmode=verify-full&sslrootcert=${certificate}`, 'localhost'))).toBe(1)
  })

  test('commits to the disk, whatever the role was set to, unless the URL says otherwise', async () => {
    const asked = sql(`select current_setting('synchronous_commit')`)
    const level = async (url: string) => {
      const storage = await opened(url)
      return storage.write({ deadline: ample }, (session) => session.value(asked, []))
    }
    const said = 'postgres?options=-c%20synchronous_commit%3Doff'
    await server.query('create role hasty login superuser')
    for (const [set, kept] of [
      ['off', 'on'],
      ['on', 'on'],
      ['remote_apply', 'remote_apply'],
    ]) {
      await server.query(`alter role hasty set synchronous_commit = ${set}`)
      expect([set, await level(as('hasty'))]).toEqual([set, kept])
      expect([set, await level(as('hasty', 'postgres?pgbouncer=true'))]).toEqual([set, kept])
    }
    expect(await level(as('hasty', said))).toBe('off')
  })

  test('is told to install the driver where there is none', async () => {
    const program = `
      import { registerHooks } from 'node:module'
      registerHooks({
        resolve(name, context, next) {
          if (name === 'pg') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
          return next(name, context)
        },
      })
      const { createPostgresStorage } = await import(process.argv[1])
      const storage = createPostgresStorage({ url: process.argv[2], openMillis: 0 })
      await storage.open().catch((error) => console.log(error.code, error.message))`
    const door = new URL('../../src/storage/index.ts', import.meta.url).href
    const args = ['--conditions=source', '--input-type=module', '-e', program, door, as('root')]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout).toMatch(/^dependency_missing .*npm install pg/)
  })

  test('takes the password from the environment', async () => {
    process.env.PGPASSWORD = 'right horse'
    try {
      await opened(as('secretive'))
    } finally {
      delete process.env.PGPASSWORD
    }
  })

  test('goes to the next host, and past a standby to the server that can be written to', async () => {
    const standby = await PostgresServer.standbyOf(server)
    try {
      const hosts = `127.0.0.1:${await freePort()},127.0.0.1:${standby.port},127.0.0.1:${server.port}`
      const storage = await opened(`postgres://root@${hosts}/postgres`)
      const port = sql("select current_setting('port')")
      expect(await storage.read({ deadline: ample }, (session) => session.value(port, []))).toBe(String(server.port))
      await expect(opened(`postgres://root@127.0.0.1:${standby.port}/postgres`)).rejects.toMatchObject({
        code: 'database_unavailable',
        message: expect.stringContaining('it is a standby'),
      })
    } finally {
      await standby.remove()
    }
  })

  // What no server of ours can be made to say.
  async function speaking(answer: (socket: net.Socket, message: Buffer) => void): Promise<string> {
    const speaker = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (message) => answer(socket, message as Buffer))
    })
    servers.push(speaker)
    await new Promise<void>((resolve) => speaker.listen(0, '127.0.0.1', resolve))
    return `postgres://root@127.0.0.1:${(speaker.address() as net.AddressInfo).port}/postgres`
  }

  const message = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    return Buffer.concat([Buffer.from(type), length, body])
  }

  test('is refused by a server without TLS, with what to do', async () => {
    const url = await speaking((socket) => socket.write('N'))
    await expect(opened(`${url}?sslmode=require`)).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('sslmode=disable'),
    })
  })

  test('waits for a server that starts up', async () => {
    const starting = message('E', Buffer.from('SFATAL\0C57P03\0Mthe database system is starting up\0\0'))
    let asked = 0
    let isUp = false
    const url = await speaking((socket, received) => {
      if (!isUp) {
        isUp = ++asked >= 3
        socket.end(starting)
        return
      }
      socket.removeAllListeners('data')
      const through = net.connect(server.port, '127.0.0.1')
      through.on('error', () => socket.destroy())
      through.write(received)
      socket.pipe(through).pipe(socket)
    })
    await expect(opened(url)).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('it starts up'),
    })
    await opened(url, { openMillis: ample })
    expect(asked).toBe(3)
  })

  test('is refused by a server that is too old', async () => {
    const values = ['14', 'UTF8', 'f', 'x']
    const names = ['version', 'encoding', 'standby', 'epoch']
    const types = [23, 25, 16, 25]
    const fields = names.map((name, at) => {
      const rest = Buffer.alloc(18)
      rest.writeInt32BE(types[at]!, 6)
      return Buffer.concat([Buffer.from(`${name}\0`), rest])
    })
    const cells = values.map((value) => Buffer.concat([Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]))
    const count = Buffer.from([0, names.length])
    const ready = message('Z', Buffer.from('I'))
    const url = await speaking((socket, received) => {
      const isQuery = received[0] === 'Q'.charCodeAt(0)
      socket.write(
        isQuery
          ? Buffer.concat([
              message('T', Buffer.concat([count, ...fields])),
              message('D', Buffer.concat([count, ...cells])),
              message('C', Buffer.from('SELECT 1\0')),
              ready,
            ])
          : Buffer.concat([message('R', Buffer.alloc(4)), ready]),
      )
    })
    await expect(opened(url)).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('it has version 14, and Monobloc needs 15 or later'),
    })
  })
})
