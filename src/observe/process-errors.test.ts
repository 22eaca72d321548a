import { execFile } from 'node:child_process'
import { describe, expect, test } from 'vitest'

const door = new URL('./index.ts', import.meta.url).href

/** Runs a program that watches its errors and takes a turn of the loop to "drain". */
function run(program: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const source = `
    import { createLogger, watchProcessErrors } from '${door}'
    const log = await createLogger({ destination: { write: (line) => process.stdout.write(line) } })
    watchProcessErrors({ log, fail: () => setTimeout(() => { console.log('drained'); process.exit(1) }, 10) })
    setInterval(() => {}, 1000)
    ${program}`
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', source], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

describe('a process-level error is logged with its stack, drains, and ends the process with 1:', () => {
  test.each([
    ['an exception', `setTimeout(() => { throw new TypeError('broken') })`, 'TypeError'],
    ['a rejection', `Promise.reject(new RangeError('broken'))`, 'RangeError'],
    ['a rejection without an error', `Promise.reject('broken')`, 'broken'],
  ])('%s', async (_, program, sign) => {
    const { code, stdout } = await run(program)
    expect(code).toBe(1)
    const [line, end] = stdout.trim().split('\n')
    expect(JSON.parse(line!)).toMatchObject({ level: 'fatal', error: expect.anything() })
    expect(line).toContain(sign)
    expect(end).toBe('drained')
  })
  test('further errors while draining are logged and drain only once', async () => {
    const { code, stdout } = await run(`for (const n of [1, 2]) Promise.reject(new Error('broken ' + n))`)
    expect(code).toBe(1)
    expect(stdout.match(/"level":"fatal"/g)).toHaveLength(2)
    expect(stdout.match(/drained/g)).toHaveLength(1)
  })
})

test('a call that its unit of work tells of is logged and ends nothing', async () => {
  const { code, stdout } = await run(`
    const { toldElsewhere } = await import('${door}')
    Object.assign(Promise.reject(new Error('broken')), { [toldElsewhere]: {} })
    setTimeout(() => process.exit(0), 50)`)
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ level: 'error', message: expect.stringContaining('await') })
})
test('a refusal of our own that nobody waited for is logged and ends nothing', async () => {
  const errors = new URL('../errors.ts', import.meta.url).href
  const { code, stdout } = await run(`
    const { MonoblocError } = await import('${errors}')
    Promise.reject(new MonoblocError('forbidden'))
    setTimeout(() => process.exit(0), 50)`)
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ level: 'error', message: expect.stringContaining('await') })
})
