import { describe, expect, test } from 'vitest'
import { parsePostgresUrl } from './postgres-url.ts'

const parse = (url: string, environment: NodeJS.ProcessEnv = {}) => parsePostgresUrl(url, environment)

describe('the URL of a database', () => {
  test('names host, port, database, user and password', () => {
    expect(parse('postgres://ann:p%40ss@db.example.com:6543/app')).toMatchObject({
      hosts: [{ host: 'db.example.com', port: 6543 }],
      database: 'app',
      user: 'ann',
      password: 'p@ss',
      pooler: false,
      readWrite: true,
      connections: undefined,
    })
    expect(parse('postgres://h/app?pgbouncer=true&connections=25')).toMatchObject({ pooler: true, connections: 25 })
  })
  test('leaves to the environment what it does not name', () => {
    expect(parse('postgresql://')).toMatchObject({ hosts: [{ host: 'localhost', port: 5432 }], tls: 'off' })
    expect(parse('postgres:///app', { PGHOST: 'db', PGPORT: '6000' })).toMatchObject({
      hosts: [{ host: 'db', port: 6000 }],
      tls: 'verify',
      user: undefined,
      password: undefined,
    })
  })
  test('names several hosts, and IPv6', () => {
    expect(parse('postgres://a:1,b/app?port=7').hosts).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 7 },
    ])
    expect(parse('postgres://[::1]:7/app')).toMatchObject({ hosts: [{ host: '::1', port: 7 }], tls: 'off' })
  })
  test.each(['postgres:///app?host=/run/postgresql', 'postgres://%2Frun%2Fpostgresql/app'])(
    'names a socket: %s',
    (url) => {
      expect(parse(url)).toMatchObject({
        hosts: [{ host: '/run/postgresql', port: 5432 }],
        tls: 'off',
        database: 'app',
      })
    },
  )
  test('is encrypted and verified unless the host is this machine, or it says otherwise', () => {
    const tls = (url: string, environment: NodeJS.ProcessEnv = {}) => parse(url, environment).tls
    expect(tls('postgres://db/app')).toBe('verify')
    expect(tls('postgres://127.0.0.1/app')).toBe('off')
    expect(tls('postgres://localhost,db/app')).toBe('verify')
    expect(tls('postgres://localhost/app?sslmode=require')).toBe('verify')
    expect(tls('postgres://db/app?sslmode=verify-full')).toBe('verify')
    expect(tls('postgres://db/app?sslmode=verify-ca')).toBe('verify-chain')
    expect(tls('postgres://db/app?sslmode=no-verify')).toBe('no-verify')
    expect(tls('postgres://db/app', { PGSSLMODE: 'disable' })).toBe('off')
    expect(tls('postgres://db/app', { PGSSLMODE: 'prefer' })).toBe('verify')
    expect(parse('postgres://db/app?sslmode=require&channel_binding=require').channelBinding).toBe(true)
  })
  test.each([
    ['postgres://u:secret@/pa@ss@h/app', 'written as %40'],
    ['postgres://u:secret%@h/app', 'written'],
    ['postgres://u:secret@h:99999/app', 'no valid port'],
    ['postgres://u:secret@h/app?sslmode=prefer', 'go on unencrypted'],
    ['postgres://u:secret@h/app?sslmode=on', 'say one of disable, require'],
    ['postgres://u:secret@h/app?ssl=true', `"ssl" can't be said`],
    ['postgres://u:secret@h/app?pgbouncer=1', 'neither true nor false'],
    ['postgres://u:secret@h/app?target_session_attrs=standby', 'say read-write'],
    ['postgres://u:secret@h/app?connections=0', 'not a number from 1'],
    ['postgres://u:secret@h/app?connect_timeout=soon', 'number of seconds'],
  ])('%s is refused with what to do, and without its password', (url, words) => {
    try {
      parse(url)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'configuration_invalid', message: expect.stringContaining(words) })
      expect(String(error)).not.toContain('secret')
    }
  })
})
