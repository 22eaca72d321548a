// The PostgreSQL server of the tests: one that is there, or one that this process starts in a folder of its own.
//
// A server of our own is the child of a shell that reads a pipe from this process. However this process ends, the pipe
// ends with it, and the shell then stops the server and removes its folder: nothing has to be tidied up by the next run.
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { userInfo } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { serverFolder } from './server-folder.ts'

export interface TestServer {
  /** Of a database to which one can connect, as somebody who may create others. */
  url: string
  /** Stops it when it was started here. */
  stop(): Promise<void>
}

const oldestMajor = 15

/**
 * The server that MONOBLOC_TEST_POSTGRES names, else one of our own, which waits for no disk and disturbs nobody, else the
 * one at 127.0.0.1:5432 when it lets us create databases without a password.
 *
 * @throws Error that says what is missing
 */
export async function findServer(named = process.env.MONOBLOC_TEST_POSTGRES): Promise<TestServer> {
  if (named) {
    const problem = await problemOf(named)
    if (problem) throw new Error(`MONOBLOC_TEST_POSTGRES: ${problem}`)
    return foreign(named)
  }
  try {
    // Somebody may take the port that was free a moment ago.
    return await startServer().catch((error) => (/in use/.test(error.message) ? startServer() : Promise.reject(error)))
  } catch (error) {
    for (const user of new Set([userInfo().username, 'postgres'])) {
      const url = `postgres://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`
      if (!(await problemOf(url))) return foreign(url)
    }
    throw error
  }
}

const foreign = (url: string): TestServer => ({ url, async stop() {} })

async function problemOf(connectionString: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query(`
      select current_setting('server_version_num')::int / 10000 as major, current_setting('server_encoding') as encoding,
        (select rolsuper or rolcreatedb from pg_roles where rolname = current_user) as creates`)
    const { major, creates } = rows[0]
    if (major < oldestMajor) return `it has version ${major}, older than ${oldestMajor}`
    return creates ? undefined : 'its user may not create databases'
  } catch (error) {
    return (error as Error).message
  } finally {
    await client.end().catch(() => {})
  }
}

const guard = `
"$1" -D "$2/data" -c port="$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 \\
  -c fsync=off -c full_page_writes=off -c max_wal_size=256MB -c logging_collector=off >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"`

/** It keeps nothing through a crash of the machine: nothing in it is worth that. */
async function startServer(): Promise<TestServer> {
  const bin = findTools()
  const owner = process.getuid?.() === 0 ? otherUser() : undefined
  const folder = mkdtempSync(path.join(serverFolder(), 'monobloc-postgres-'))
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const password = randomBytes(16).toString('hex')
  const passwordFile = path.join(folder, 'password')
  writeFileSync(passwordFile, password)
  if (owner) chownSync(passwordFile, owner.uid, owner.gid)
  try {
    const access = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${passwordFile}`]
    const form = ['--encoding=UTF8', '--locale=C.UTF-8', '--no-sync']
    const made = [`--pgdata=${path.join(folder, 'data')}`, ...access, ...form]
    // Started elsewhere, it could not return to a folder that its user can't read.
    await promisify(execFile)(path.join(bin, 'initdb'), made, { ...owner, cwd: folder })
    const port = await freePort()
    const shell = spawn('/bin/sh', ['-c', guard, 'guard', path.join(bin, 'postgres'), folder, String(port)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Its own process group: an interrupt from the keyboard must not stop it while tests end.
      detached: true,
      cwd: '/',
      ...owner,
    })
    const ended = once(shell, 'exit')
    shell.unref()
    ;(shell.stdin as net.Socket).unref()
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    await untilReady(url, path.join(folder, 'log'))
    return {
      url,
      async stop() {
        shell.ref()
        shell.stdin!.end()
        await ended
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** The newest of Debian's, or what PATH has. */
function findTools(): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).map(Number).filter(Boolean) : []
  const folders = [
    ...versions.sort((a, b) => b - a).map((version) => path.join(debian, String(version), 'bin')),
    ...(process.env.PATH ?? '').split(path.delimiter),
  ]
  const found = folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(path.join(folder, name))))
  if (found) return found
  throw new Error(
    'no PostgreSQL: there is no initdb to start one with (Debian: apt-get install postgresql), MONOBLOC_TEST_POSTGRES ' +
      'names none, and none answers at 127.0.0.1:5432 without a password',
  )
}

/** PostgreSQL refuses to run as root. */
function otherUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('no PostgreSQL: it refuses to run as root, and there is no user postgres or nobody to run it as')
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  return port
}

// A loaded machine may take its time; one that can't start ends its shell's log with why.
const startDeadline = 60_000

async function untilReady(url: string, log: string): Promise<void> {
  const started = Date.now()
  for (;;) {
    const problem = await problemOf(url)
    if (!problem) return
    const said = existsSync(log) ? readFileSync(log, 'utf8') : ''
    if (/FATAL: {2}(?!the database system is)/.test(said) || Date.now() - started > startDeadline) {
      throw new Error(`no PostgreSQL: the one started here did not come up: ${problem}\n${said}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
