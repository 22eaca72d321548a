import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MonoblocError } from '../errors.ts'
import { type Config, type ConfigOptions, loadConfig } from './config.ts'
import { exportEnvironment, readEnvironment } from './config-environment.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'monobloc-config-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const secret = 'abcdefghijklmnopqrstuvwxyz012345'

function load(environment: NodeJS.ProcessEnv = {}, options: ConfigOptions = {}): Config {
  return loadConfig({ environment, options, folder, terminal: false })
}

/** What is wrong, by name. */
function problems(environment: NodeJS.ProcessEnv, options: ConfigOptions = {}): Record<string, string> {
  try {
    load(environment, options)
  } catch (error) {
    expect(error).toBeInstanceOf(MonoblocError)
    expect((error as MonoblocError).code).toBe('configuration_invalid')
    return Object.fromEntries((error as MonoblocError).violations.map(({ path: [name], message }) => [name, message]))
  }
  return {}
}

function file(name: string, text: string): void {
  writeFileSync(path.join(folder, name), text)
}

describe('a setting comes from', () => {
  test('the defaults, on loopback in development', () => {
    expect(load()).toMatchObject({
      mode: 'development',
      port: 3000,
      host: '127.0.0.1',
      data: path.join(folder, 'data'),
      database: { engine: 'sqlite', file: path.join(folder, 'data', 'app.db') },
      logLevel: 'info',
      logFormat: 'pretty',
      bodyLimit: 1_048_576,
      drain: 8000,
    })
  })
  test('the defaults, for everyone in production and in JSON', () => {
    const config = load({ NODE_ENV: 'production', MONOBLOC_SECRET: secret })
    expect(config).toMatchObject({ mode: 'production', host: '0.0.0.0', logFormat: 'json', secret: { value: secret } })
  })
  test('code, and the environment over code', () => {
    expect(load({}, { port: 4000, bodyLimit: 5, drain: 0 })).toMatchObject({ port: 4000, bodyLimit: 5, drain: 0 })
    expect(load({ PORT: '0' }, { port: 4000 }).port).toBe(0)
    expect(problems({}, { port: 70_000 }).PORT).toContain('(from listen(port) or backend({ port }))')
  })
  test('the environment, then .env.{mode}, then .env.local, then .env', () => {
    file('.env', 'PORT=1001\nHOST=a\nMONOBLOC_DATA=b\nMONOBLOC_LOG=warn')
    file('.env.local', 'PORT=1002\nHOST=c\nMONOBLOC_DATA=d')
    file('.env.development', 'PORT=1003\nHOST=e')
    file('.env.production', 'PORT=1004\nHOST=f')
    expect(load({ PORT: '1000' })).toMatchObject({
      port: 1000,
      host: 'e',
      data: path.join(folder, 'd'),
      logLevel: 'warn',
    })
    expect(load({ NODE_ENV: 'production', MONOBLOC_SECRET: secret }).port).toBe(1004)
    expect(load().told).toContainEqual({ name: 'MONOBLOC_DATA', value: 'd', from: '.env.local' })
  })
  test('nowhere when it is set to nothing', () => {
    expect(load({ PORT: '' }).port).toBe(3000)
  })
  test('never from a file when it is the mode', () => {
    file('.env', 'NODE_ENV=production')
    expect(load().mode).toBe('development')
  })
})

test('what files say is there for code that reads process.env, and nothing said before is changed', () => {
  file('.env', 'STRIPE_KEY="sk \\#1"\nPATH=/evil # not\n')
  const target: NodeJS.ProcessEnv = { PATH: '/bin' }
  exportEnvironment(readEnvironment(folder, 'development', target), target)
  expect(target).toEqual({ PATH: '/bin', STRIPE_KEY: 'sk \\#1' })
})

describe('every problem is told at once', () => {
  test('with its source and what would be right', () => {
    file('.env', 'HOST=http://localhost')
    const found = problems(
      {
        NODE_ENV: 'production',
        PORT: '65536',
        DATABASE_URL: 'postgres://app:s3cret@db/app?sslmode=prefer',
        MONOBLOC_LOG: 'loud',
      },
      { drain: -1 },
    )
    expect(found).toEqual({
      PORT: '"65536" is not a port: a whole number from 0 to 65535 (from environment)',
      HOST: expect.stringContaining('is not an address to listen on'),
      DATABASE_URL: expect.stringContaining('say one of disable, require'),
      MONOBLOC_LOG: '"loud" is none of trace, debug, info, warn, error, fatal, silent (from environment)',
      MONOBLOC_DRAIN: expect.stringContaining('(from backend({ drain }))'),
      MONOBLOC_SECRET: expect.stringContaining('is missing'),
    })
    expect(JSON.stringify(found)).not.toContain('s3cret')
  })
  test('and nothing is written', () => {
    expect(problems({ NODE_ENV: 'production', PORT: 'x' }, { keepSecret: true })).toEqual({ PORT: expect.anything() })
    expect(existsSync(path.join(folder, 'data'))).toBe(false)
  })
  test('an unknown mode is one, and counts as production for the rest', () => {
    expect(Object.keys(problems({ NODE_ENV: 'staging' }))).toEqual(['NODE_ENV', 'MONOBLOC_SECRET'])
  })
  test('a file that is not readable is one', () => {
    mkdirSync(path.join(folder, '.env'))
    expect(problems({})).toEqual({ '.env': expect.stringContaining(".env can't be read") })
  })
})

describe('values', () => {
  test.each([
    ['PORT', ['0', '65535'], ['-1', '65536', '80.5', '0x50', ' 80', 'eighty']],
    ['MONOBLOC_BODY_LIMIT', ['1', '1GiB', '500 kB', '10mb'], ['0', '1073741825', '2GiB', '1 furlong', '-5', '']],
    ['MONOBLOC_DRAIN', ['0', '600000', '10m', '8s', '1500ms'], ['600001', '11m', '1h', 's']],
    ['HOST', ['::1', '0.0.0.0', 'localhost', 'a-b.example'], ['http://a', 'localhost:3000', 'a b', 'a/b']],
    ['MONOBLOC_LOG', ['trace', 'silent'], ['INFO', 'verbose']],
    ['MONOBLOC_LOG_FORMAT', ['json', 'pretty'], ['text']],
    [
      'DATABASE_URL',
      ['a.db', 'sqlite:a.db', 'sqlite:///tmp/a.db', 'file:a%20b.db', 'C:\\a.db'],
      [':memory:', 'sqlite::memory:', 'mysql://a/b', 'a/', 'sqlite:a.db?mode=ro', 'sqlite://host/a.db'],
    ],
  ])('%s takes %j and refuses %j', (name, right, wrong) => {
    for (const value of right) expect(problems({ [name]: value }), value).toEqual({})
    for (const value of wrong.filter(Boolean)) expect(Object.keys(problems({ [name]: value })), value).toEqual([name])
  })
  test('of a database are paths from the working folder', () => {
    const fileOf = (environment: NodeJS.ProcessEnv) => (load(environment).database as { file?: string }).file
    const database = (url: string) => fileOf({ DATABASE_URL: url })
    expect(database('sqlite:var/a%20b.db')).toBe(path.join(folder, 'var', 'a b.db'))
    expect(database('sqlite:///var/a.db')).toBe('/var/a.db')
    expect(database('/var/a.db')).toBe('/var/a.db')
    expect(fileOf({ MONOBLOC_DATA: '/srv' })).toBe('/srv/app.db')
  })
  test('of a server are kept as they are, and shown without their password', () => {
    const url = 'postgresql://app:s3cret@db.example:5433/press?pgbouncer=true'
    const { database, told } = load({
      DATABASE_URL: url,
      DATABASE_DIRECT_URL: 'postgres://app:s3cret@db.example/press',
    })
    expect(database).toEqual({ engine: 'postgres', url, directUrl: 'postgres://app:s3cret@db.example/press' })
    expect(told.find(({ name }) => name === 'DATABASE_URL')?.value).toContain('@db.example:5433/press')
    expect(JSON.stringify(told)).not.toContain('s3cret')
  })
  test('with a unit are what they say', () => {
    expect(load({ MONOBLOC_BODY_LIMIT: '2MiB', MONOBLOC_DRAIN: '3s' })).toMatchObject({
      bodyLimit: 2_097_152,
      drain: 3000,
    })
  })
  test('that look like settings and are none are noted, with the one that was meant', () => {
    const { notes } = load({ MONOBLOC_SECERT: 'x', MONOBLOC_PORT: '1', MONOBLOC_WHATEVER: 'y', OTHER: 'z' })
    expect(notes).toContain('MONOBLOC_SECERT (from environment) is not a setting; did you mean MONOBLOC_SECRET?')
    expect(notes).toContain('MONOBLOC_PORT (from environment) is not a setting; did you mean PORT?')
    expect(notes).toContain('MONOBLOC_WHATEVER (from environment) is not a setting')
    expect(notes.join()).not.toContain('OTHER')
  })
})

describe('the secret', () => {
  const kept = () => path.join(folder, 'data', 'secret')

  test('needs 32 bytes and must not be typed', () => {
    expect(problems({ MONOBLOC_SECRET: secret })).toEqual({})
    expect(problems({ MONOBLOC_SECRET: secret.slice(1) }).MONOBLOC_SECRET).toMatch(
      /^has 31 bytes and needs at least 32/,
    )
    expect(problems({ MONOBLOC_SECRET: 'abcdefgh'.repeat(4) })).toEqual({})
    expect(problems({ MONOBLOC_SECRET: 'abcdefga'.repeat(4) }).MONOBLOC_SECRET).toMatch(/^has only 7 different/)
  })
  test('is random for one process in development, and nothing is kept', () => {
    const [one, two] = [load(), load()]
    expect(one.secret.from).toBe('random')
    expect(one.secret.value).not.toBe(two.secret.value)
    expect(existsSync(path.join(folder, 'data'))).toBe(false)
  })
  test('is missed in production', () => {
    expect(problems({ NODE_ENV: 'production' }).MONOBLOC_SECRET).toMatch(/^is missing.*make one with: node -p/)
  })
  test('is kept for its owner alone when the app says so, in production too', () => {
    const one = load({ NODE_ENV: 'production' }, { keepSecret: true })
    expect(one.secret).toEqual({ value: readFileSync(kept(), 'utf8'), from: 'file' })
    expect(statSync(kept()).mode & 0o777).toBe(0o600)
    expect(load({}, { keepSecret: true }).secret.value).toBe(one.secret.value)
    expect(load({ MONOBLOC_SECRET: secret }, { keepSecret: true }).secret.value).toBe(secret)
  })
  test('is made once by processes that start together', async () => {
    const config = new URL('./config.ts', import.meta.url).href
    const program = `import { loadConfig } from '${config}'
      console.log(loadConfig({ environment: {}, options: { keepSecret: true } }).secret.value)`
    const runs = Array.from({ length: 4 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd: folder }),
    )
    const secrets = (await Promise.all(runs)).map(({ stdout }) => stdout.trim())
    expect(new Set(secrets)).toEqual(new Set([readFileSync(kept(), 'utf8')]))
    expect(readdirSync(path.join(folder, 'data'))).toEqual(['secret'])
  })
  test('that was kept is refused when others can read it or it is no secret', () => {
    load({}, { keepSecret: true })
    writeFileSync(kept(), 'short', { mode: 0o600 })
    expect(problems({}, { keepSecret: true }).MONOBLOC_SECRET).toMatch(/is kept in .* and has 5 bytes/)
    rmSync(kept())
    writeFileSync(kept(), secret, { mode: 0o640 })
    expect(problems({}, { keepSecret: true }).MONOBLOC_SECRET).toMatch(/chmod 600/)
  })
  test('is only looked for when nothing may be written', () => {
    const look = () => loadConfig({ environment: {}, options: { keepSecret: true }, folder, dry: true })
    expect(look().secret.from).toBe('random')
    expect(existsSync(path.join(folder, 'data'))).toBe(false)
    load({}, { keepSecret: true })
    expect(look().secret.from).toBe('file')
  })
  test('is the same for all runs of one session, unless one is set or the mode is production', () => {
    const session = { MONOBLOC_SESSION_SECRET: 'of this session' }
    expect(load(session).secret).toEqual({ value: 'of this session', from: 'random' })
    expect(load({ ...session, MONOBLOC_SECRET: secret }).secret.value).toBe(secret)
    expect(load(session).notes).toEqual([])
    expect(problems({ ...session, NODE_ENV: 'production' }).MONOBLOC_SECRET).toMatch(/^is missing/)
  })
  test('that cannot be kept is a problem', () => {
    file('data', 'a file')
    expect(problems({}, { keepSecret: true }).MONOBLOC_SECRET).toMatch(/can't be kept/)
  })
  test('is in nothing that is told', () => {
    const { secret: _own, ...told } = load({ MONOBLOC_SECRET: secret })
    expect(JSON.stringify(told)).not.toContain(secret)
    expect(told.told).toContainEqual({ name: 'MONOBLOC_SECRET', value: '[redacted]', from: 'environment' })
  })
})
