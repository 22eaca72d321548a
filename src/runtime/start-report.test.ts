import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MonoblocError } from '../errors.ts'
import type { Config } from './config.ts'
import { exitCodeOf } from './exit-code.ts'
import { banner, startFailure, wantsColour } from './start-report.ts'

describe('colours', () => {
  beforeEach(() => vi.stubEnv('NO_COLOR', undefined).stubEnv('TERM', 'xterm'))
  afterEach(() => vi.unstubAllEnvs())
  test('are for terminals, unless NO_COLOR is set or the terminal has none', () => {
    expect(wantsColour({ isTTY: true })).toBe(true)
    expect(wantsColour({ isTTY: false })).toBe(false)
    expect(wantsColour({})).toBe(false)
    vi.stubEnv('NO_COLOR', '1')
    expect(wantsColour({ isTTY: true })).toBe(false)
    vi.stubEnv('NO_COLOR', '').stubEnv('TERM', 'dumb')
    expect(wantsColour({ isTTY: true })).toBe(false)
  })
})

describe('the report of a start', () => {
  const address = { url: 'http://127.0.0.1:3000', host: '127.0.0.1', port: 3000, askedFor: 0 }
  const config = { mode: 'development' } as Config

  test('says where to look', () => {
    expect(banner('press', address, config, [], false)).toBe(
      '\n  press is ready at http://127.0.0.1:3000/ (development)\n\n',
    )
    expect(banner('press', address, config, [['Reference', 'http://127.0.0.1:3000/docs']], false)).toContain(
      '\n  Reference  http://127.0.0.1:3000/docs\n',
    )
    expect(banner('press', address, config, [], true)).toContain('\x1b[36mhttp://127.0.0.1:3000/\x1b[39m')
  })
  test('that failed lists every problem in a line', () => {
    const problem = (name: string, message: string) => ({ path: [name], code: 'invalid', message })
    const error = new MonoblocError('configuration_invalid', {
      violations: [problem('PORT', 'is wrong'), problem('HOST', 'too')],
    })
    expect(startFailure(error, false)).toBe(
      'The configuration is not valid:\n  PORT  is wrong\n  HOST  too\nCorrect every problem that is listed; the process exits with 78.\n',
    )
  })
  test('that failed for one reason says it, and what to do', () => {
    const error = new MonoblocError('port_taken', { detail: 'Another program listens on 127.0.0.1:80.' })
    expect(startFailure(error, false)).toMatch(
      /^The port is taken\. Another program listens on 127\.0\.0\.1:80\. Choose another/,
    )
  })
  test('recognises an error of another copy of this package', () => {
    const error = Object.assign(new Error('The port is taken. Here.'), {
      name: 'MonoblocError',
      code: 'port_taken',
      violations: [],
    })
    expect(startFailure(error, false)).toBe('The port is taken. Here.\n')
    expect(exitCodeOf(error)).toBe(69)
    expect(exitCodeOf(new MonoblocError('commit_unknown'))).toBe(69)
    const later = Object.assign(new Error('New.'), {
      name: 'MonoblocError',
      code: 'of_a_later_version',
      violations: [],
    })
    expect(startFailure(later, false)).toContain('New.')
    expect([exitCodeOf(later), exitCodeOf(null), exitCodeOf({ code: 'port_taken' })]).toEqual([1, 1, 1])
  })
  test('because of the disk ends with 74', () => {
    const said = Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 1034 })
    const full = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })
    expect(exitCodeOf(new MonoblocError('database_error', { cause: said }))).toBe(74)
    expect(exitCodeOf(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }))).toBe(74)
    expect(exitCodeOf(new MonoblocError('database_error', { cause: full }))).toBe(1)
  })
  test('shows the stack of any other error', () => {
    expect(startFailure(new TypeError('odd'), false)).toMatch(/^It did not start\.\nTypeError: odd\n {4}at /)
    expect(startFailure('odd', false)).toBe('It did not start.\nodd\n')
  })
})
