import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'

// The files of this folder that are no tests are only type-checked: what must not compile stands under a
// `// @ts-expect-error`, which fails when it does compile. The same run checks every other file of the repository.

const root = path.join(import.meta.dirname, '../..')
const temporary: string[] = []
afterEach(() => {
  for (const folder of temporary.splice(0)) rmSync(folder, { recursive: true })
})

test('every file compiles, and what is expected not to compile does not', { timeout: 120_000 }, async () => {
  expect(await compile('tsconfig.json')).toBe('')
})

test('an expectation that does not hold and a wrong type are both seen', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(path.join(root, 'test/types/.tmp-'))
  temporary.push(folder)
  writeFileSync(path.join(folder, 'unmet.ts'), '// @ts-expect-error this compiles\nexport const count: number = 1\n')
  writeFileSync(
    path.join(folder, 'wrong.ts'),
    "import { errorTable } from 'monobloc'\nexport const a: string = errorTable.forbidden.status\n",
  )
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    '{ "extends": "../../../tsconfig.json", "include": [], "files": ["unmet.ts", "wrong.ts"] }',
  )
  const output = await compile(path.join(folder, 'tsconfig.json'))
  expect(output).toContain("unmet.ts(1,1): error TS2578: Unused '@ts-expect-error' directive.")
  expect(output).toContain("wrong.ts(2,14): error TS2322: Type 'number' is not assignable to type 'string'.")
})

/** What tsc prints: nothing when all is well. */
function compile(project: string): Promise<string> {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const { promise, resolve } = Promise.withResolvers<string>()
  execFile(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', project], { cwd: root }, (_, stdout) =>
    resolve(stdout),
  )
  return promise
}
