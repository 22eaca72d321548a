import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { runToEnd } from './child-process.ts'
import { missingDatabase } from './page-databases.ts'
import { PagePlanner } from './page-plan.ts'
import { runPage, writePage } from './page-run.ts'

// Every code block of README.md and docs/ is compiled and run. How a page is written for it: CONTRIBUTING.md.

const repository = path.join(import.meta.dirname, '../..')
const build = path.join(repository, 'build/docs')
const bin = path.join(build, 'bin')
const command = ['--conditions=source', path.join(repository, 'src/cli/main.ts')]

const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: repository })].filter((page) =>
  existsSync(path.join(repository, page)),
)
const folderOf = (page: string) => path.join(build, page.replaceAll('/', '-').replace(/\.md$/, ''))
const plans = new Map(pages.map((page) => [page, planOf(page)]))

function planOf(page: string) {
  try {
    return new PagePlanner(readFileSync(path.join(repository, page), 'utf8')).plan()
  } catch (error) {
    return error as Error
  }
}

beforeAll(() => {
  rmSync(build, { recursive: true, force: true })
  mkdirSync(bin, { recursive: true })
  const monobloc = [process.execPath, ...command].map((word) => `'${word}'`).join(' ')
  const script = (name: string, text: string) => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(path.join(bin, name), 0o755)
  }
  script('monobloc', `exec ${monobloc} "$@"`)
  script(
    'npx',
    `[ "$1" = monobloc ] || { echo "a page calls npx for monobloc only" >&2; exit 1; }; shift; exec ${monobloc} "$@"`,
  )
  for (const [page, plan] of plans) if (!(plan instanceof Error)) writePage(plan, folderOf(page))
})

test('every TypeScript block compiles', { timeout: 120_000 }, async () => {
  const include = [...plans].some(
    ([, plan]) => !(plan instanceof Error) && plan.folders.some((files) => files.size > 0),
  )
  if (!include) return
  const config = path.join(build, 'tsconfig.json')
  const compilerOptions = { declaration: false }
  writeFileSync(
    config,
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['**/*.ts'], exclude: [] }),
  )
  const tsc = path.join(repository, 'node_modules/typescript/bin/tsc')
  const result = await runToEnd(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', config], {
    cwd: build,
    env: {},
  })
  expect(result.stdout).toBe('')
})

describe.concurrent('the blocks run and answer as the page says', { timeout: 120_000 }, () => {
  test.for(pages)('%s', async (page, { skip }) => {
    const missing = missingDatabase(readFileSync(path.join(repository, page), 'utf8'))
    if (missing) skip(missing)
    const plan = plans.get(page)!
    if (plan instanceof Error) throw plan
    if (plan.steps.length > 0) await runPage(plan, { root: folderOf(page), command, bin })
  })
})
