import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const repository = path.join(import.meta.dirname, '..')
let root: string
beforeEach(() => {
  mkdirSync(path.join(repository, 'build'), { recursive: true })
  root = mkdtempSync(path.join(repository, 'build/summary-'))
  writeFileSync(
    path.join(root, 'vitest.config.ts'),
    `import { SummaryReporter } from '${import.meta.dirname}/summary-reporter.ts'
     export default { test: { reporters: ['default', new SummaryReporter()] } }`,
  )
})
afterEach(() => rmSync(root, { recursive: true }))

/** Runs Vitest on one file with this text; resolves to its exit code and the last line of its output. */
async function run(text: string, ci: string) {
  writeFileSync(path.join(root, 'a.test.ts'), `import { expect, test, afterAll } from 'vitest'\n${text}`)
  const summary = path.join(root, 'summary')
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; last: string | undefined; file: string }>()
  const args = [path.join(repository, 'node_modules/vitest/vitest.mjs'), 'run', '--root', root]
  const env = { ...process.env, CI: ci, MONOBLOC_TEST_SUMMARY: summary }
  execFile(process.execPath, args, { cwd: root, env }, (error, stdout) =>
    resolve({ code: error?.code ?? 0, last: stdout.trimEnd().split('\n').at(-1), file: readFileSync(summary, 'utf8') }),
  )
  return promise
}

test.each([
  ['passes', "test('a', () => {})", '', 0, '1 passed, 0 failed'],
  ['fails', "test('a', () => {})\ntest('b', () => expect(1).toBe(2))", '', 1, '1 passed, 1 failed'],
  ['skips', "test('a', () => {})\ntest.skip('b', () => {})", '', 0, '1 passed, 0 failed, 1 skipped'],
  [
    'skips with CI set',
    "test('a', () => {})\ntest('b', (t) => t.skip('no strace'))",
    'true',
    1,
    '1 passed, 0 failed, 1 skipped',
  ],
  [
    'leaves something to do with CI set',
    "test('a', () => {})\ntest.todo('b')",
    'true',
    1,
    '1 passed, 0 failed, 1 skipped',
  ],
  [
    'excuses with CI set',
    "test('a', () => {})\ntest.skip('b (excused: not here)', () => {})",
    'true',
    0,
    '1 passed, 0 failed',
  ],
  ['does not load', "test('a', () => {})\nthrow new Error('no')", '', 1, '0 passed, 1 failed'],
  ['fails in a hook', "test('a', () => {})\nafterAll(() => { throw new Error('no') })", '', 1, '1 passed, 1 failed'],
  ['fails outside a test', "test('a', () => {})\nPromise.reject(new Error('no'))", '', 1, '1 passed, 1 failed'],
])('a run that %s ends with its count', async (_, text, ci, code, line) => {
  expect(await run(text, ci)).toEqual({ code, last: line, file: `${line}\n` })
})
