import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runToEnd } from '../docs/child-process.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'campaigns-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, run: string, more = ''): void {
  const text = `import { writeFileSync } from 'node:fs'
    export const campaign = {
      name: '${name}', unit: 'faults', engines: ['sqlite'], seeds: 5, slice: [1], ${more}
      async run(seed, { engine, folder }) { ${run} },
    }`
  writeFileSync(path.join(folder, `${name}.campaign.ts`), text)
}

function commandOf(...args: string[]): string[] {
  const main = path.join(import.meta.dirname, 'campaign-main.ts')
  const code = `import { runCampaigns } from ${JSON.stringify(main)}
    process.exitCode = await runCampaigns(process.cwd(), process.argv.slice(1), 'results')`
  return ['--input-type=module', '-e', code, '--', ...args]
}

async function run(...args: string[]) {
  const result = await runToEnd(process.execPath, commandOf(...args), {
    cwd: folder,
    env: { ...process.env, TMPDIR: folder },
  })
  return { ...result, last: result.stdout.trimEnd().split('\n').at(-1) }
}

const rawResults = (name: string) =>
  JSON.parse(readFileSync(path.join(folder, 'results', `${path.basename(folder)}-${name}-sqlite.json`), 'utf8'))
const seedsIn = (results: { seed: number }[]) => results.map(({ seed }) => seed)

test('a whole run counts its faults and keeps what each seed gave', async () => {
  write('crash', 'return { count: seed, violations: [], engine }')
  write('disk', 'return { count: 1, violations: [] }')
  expect(await run()).toMatchObject({ code: 0, last: '20 faults, 0 violations' })
  const { results: seeds, ...ran } = rawResults('crash')
  expect(ran).toMatchObject({
    campaign: 'crash',
    engine: 'sqlite',
    revision: 'unknown',
    seeds: 5,
    from: 1,
    faults: 15,
    violations: 0,
  })
  expect(seeds.map(({ seed, count }: Record<string, number>) => [seed, count])).toEqual(
    [1, 2, 3, 4, 5].map((seed) => [seed, seed]),
  )
  expect(seeds[0].engine).toBe('sqlite')
})

test('seeds, their start and the campaign can be chosen', async () => {
  write('crash', 'return { count: 1, violations: [] }')
  write('disk', 'return { count: 1, violations: [] }')
  expect(await run('--seeds', '2', '--from', '7', '--only', 'disk')).toMatchObject({
    code: 0,
    last: '2 faults, 0 violations',
  })
  expect(seedsIn(rawResults('disk').results)).toEqual([7, 8])
  expect(await run('crash', '--seeds', '1')).toMatchObject({ code: 0, last: '1 faults, 0 violations' })
})

test('a run that was stopped goes on where it was, and keeps what it had found', async () => {
  write('crash', "if (seed === 3) process.kill(process.pid, 'SIGKILL'); return { count: seed, violations: [] }")
  expect((await run()).code).toBeNull()
  write('crash', 'return { count: 10, violations: [] }')
  const again = await run('--resume')
  expect(again).toMatchObject({ code: 0, last: '33 faults, 0 violations' })
  expect(seedsIn(rawResults('crash').results)).toEqual([1, 2, 3, 4, 5])
  expect(await run()).toMatchObject({ code: 0, last: '50 faults, 0 violations' })
})

test('a run whose time is up says so, leaves no results, and goes on later', async () => {
  write('crash', 'return { count: 1, violations: [] }')
  const first = await run('--minutes', '0')
  expect(first.stdout).toContain('crash on sqlite: 0 of 5 seeds')
  expect(() => rawResults('crash')).toThrow('ENOENT')
  expect(await run('--resume')).toMatchObject({ code: 0, last: '5 faults, 0 violations' })
})

test('a campaign that can not run here says why, and fails when it was asked for', async () => {
  write('crash', 'return { count: 1, violations: [] }')
  write('disk', 'return { count: 1, violations: [] }', "unavailable: () => 'nothing can be mounted',")
  const all = await run()
  expect(all).toMatchObject({ code: 0, last: '5 faults, 0 violations' })
  expect(all.stderr).toContain('disk on sqlite is skipped: nothing can be mounted')
  expect((await run('disk')).code).toBe(1)
})

test.each([
  [
    'a violation',
    "return { count: 1, violations: seed === 3 ? ['row 1 is lost'] : [] }",
    '5 faults, 1 violations',
    'crash seed 3: row 1 is lost',
  ],
  [
    'a throw',
    "if (seed === 2) throw new Error('broken'); return { count: 1, violations: [] }",
    '5 faults, 1 violations',
    'broken',
  ],
  [
    'a seed that tried nothing',
    'return { count: seed - 1, violations: [] }',
    '10 faults, 1 violations',
    'nothing was tried',
  ],
])('%s fails the run and names its seed', async (_, body, last, message) => {
  write('crash', body)
  const result = await run()
  expect(result).toMatchObject({ code: 1, last })
  expect(result.stderr).toContain(message)
  expect(result.stderr).toMatch(/npm run campaigns-\w+ -- crash --engine sqlite --seeds 1 --from \d/)
})

test('the files of a seed stay when it found a violation, and only then', async () => {
  write(
    'crash',
    "writeFileSync(folder + '/a', ''); return { count: 1, violations: seed === 3 ? ['lost'] : [], at: folder }",
  )
  await run()
  const kept = rawResults('crash').results.filter((result: { folder?: string }) => result.folder)
  expect(seedsIn(kept)).toEqual([3])
  expect(existsSync(path.join(kept[0].folder, 'a'))).toBe(true)
  expect(readdirSync(folder).filter((name) => /^campaign-/.test(name))).toHaveLength(1)
})

test('of many violations it keeps the files of three', async () => {
  write('crash', "return { count: 1, violations: ['lost'] }")
  expect((await run()).stderr).toContain('its files are not kept')
  expect(readdirSync(folder).filter((name) => /^campaign-/.test(name))).toHaveLength(3)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s leaves no files behind', async (signal, code) => {
  write(
    'crash',
    "writeFileSync(folder + '/a', ''); console.log('under way'); await new Promise(() => setInterval(() => {}, 9))",
  )
  const child = spawn(process.execPath, commandOf(), { cwd: folder, env: { ...process.env, TMPDIR: folder } })
  await once(child.stdout, 'data')
  expect(readdirSync(folder).filter((name) => /^campaign-/.test(name))).toHaveLength(1)
  child.kill(signal)
  expect((await once(child, 'close'))[0]).toBe(code)
  expect(readdirSync(folder).filter((name) => /^campaign-/.test(name))).toEqual([])
})

test('a name or an engine that no campaign has is refused', async () => {
  write('crash', 'return { count: 1, violations: [] }')
  expect((await run('--only', 'crush')).code).toBe(1)
  expect((await run('--engine', 'postgres')).code).toBe(1)
})
