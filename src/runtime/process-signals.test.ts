import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const files = {
  guard: new URL('./process-signals.ts', import.meta.url).href,
  log: new URL('../observe/index.ts', import.meta.url).href,
}

/** A process that guards itself and then does what `program` says. */
function run(stop: string, program: string) {
  const source = `
    import { guardProcess } from '${files.guard}'
    import { createLogger } from '${files.log}'
    const log = await createLogger({ destination: { write: (line) => process.stdout.write(line) } })
    setInterval(() => {}, 1000)
    guardProcess({ log, limit: 100, stop: ${stop} })
    ${program}`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
  return { status, stdout }
}

test('a stop that hangs ends in an exit with 1', () => {
  const { status, stdout } = run('() => new Promise(() => {})', `process.kill(process.pid, 'SIGTERM')`)
  expect(stdout).toContain('not stopped within 100 ms')
  expect(status).toBe(1)
})

test('a stop that fails ends in an exit with 1, and says why', () => {
  const { status, stdout } = run(`async () => { throw new Error('lock lost') }`, `process.kill(process.pid, 'SIGINT')`)
  expect(stdout).toContain('lock lost')
  expect(status).toBe(1)
})

test('an error while stopping makes it an exit with 1', () => {
  const stop = `() => new Promise((resolve) => setTimeout(() => { setImmediate(resolve); throw new Error('late') }))`
  const { status, stdout } = run(stop, `process.kill(process.pid, 'SIGTERM')`)
  expect(stdout).toContain('late')
  expect(status).toBe(1)
})

test('a signal that comes twice in the same breath is one wish', () => {
  const stop = '() => new Promise((resolve) => setTimeout(resolve, 50))'
  const twice = `process.emit('SIGTERM', 'SIGTERM'); process.emit('SIGTERM', 'SIGTERM')`
  expect(run(stop, twice).status).toBe(0)
})
