import { describe, expect, test } from 'vitest'
import { createLogger, type LoggerOptions, silentLogger } from './log.ts'

async function recorder(options: LoggerOptions = {}) {
  const lines: string[] = []
  const log = await createLogger({ ...options, destination: { write: (line) => lines.push(line) } })
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) }
}

describe('a JSON log line', () => {
  test('holds level, time, process, message and fields', async () => {
    const { log, parsed, lines } = await recorder()
    log.info('served', { route: 'GET /', ms: 3 })
    expect(lines[0]!.endsWith('\n')).toBe(true)
    expect(parsed()[0]).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      pid: process.pid,
      message: 'served',
      route: 'GET /',
      ms: 3,
    })
  })
  test('of a child carries the fields of its parents', async () => {
    const { log, parsed } = await recorder()
    log.child({ app: 'press' }).child({ requestId: 'r1' }).warn('slow')
    expect(parsed()[0]).toMatchObject({ level: 'warn', app: 'press', requestId: 'r1', message: 'slow' })
  })
  test('is not written below the level', async () => {
    const { log, lines } = await recorder({ level: 'warn' })
    log.info('no')
    log.debug('no')
    log.warn('yes')
    log.fatal('yes')
    expect(lines).toHaveLength(2)
    expect(log.enabled('info')).toBe(false)
    expect(log.enabled('warn')).toBe(true)
    expect(log.enabled('silent')).toBe(false)
  })
  test('is not written at all when silent', async () => {
    const { log, lines } = await recorder({ level: 'silent' })
    log.fatal('no')
    silentLogger.fatal('no')
    expect(lines).toEqual([])
  })
  test('masks secrets in fields, in children and in errors', async () => {
    const { log, lines } = await recorder()
    const error = Object.assign(new Error('refused'), { headers: { authorization: 'Bearer s3cret' } })
    log.child({ cookie: 'sid=s3cret' }).error('refused', { user: { password: 's3cret', name: 'ann' }, error })
    expect(lines[0]).not.toContain('s3cret')
    expect(lines[0]).toContain('ann')
  })
})

describe('a pretty log line', () => {
  test('reads as time, level, message, fields, with the error below and no colours unless asked for', async () => {
    const { log, lines } = await recorder({ format: 'pretty' })
    log.warn('slow', { route: 'GET /a', ms: 3 })
    log.error('failed', { error: new Error('no disk', { cause: new TypeError('full') }) })
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}slow route="GET \/a" ms=3\n$/)
    expect(lines[1]).toMatch(/^\S+ error failed\n {2}Error: no disk\n {6}at .*/)
    expect(lines[1]).toContain('\n  caused by: TypeError: full\n')
    expect(lines.join('')).not.toContain('\x1b')
  })
  test('has colours when asked for', async () => {
    const { log, lines } = await recorder({ format: 'pretty', colour: true })
    log.error('failed')
    expect(lines[0]).toContain('\x1b[31merror\x1b[39m')
  })
})
