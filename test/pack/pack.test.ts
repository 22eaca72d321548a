import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runToEnd, Served } from '../docs/child-process.ts'

// What people install: packed from a copy, because packing rewrites package.json; installed outside the repository, where
// nothing but the tarball can answer.

const repository = path.join(import.meta.dirname, '../..')
const temporary = mkdtempSync(path.join(tmpdir(), 'monobloc-pack-'))
const copy = path.join(temporary, 'repository')
const consumer = path.join(temporary, 'consumer')
const installed = path.join(consumer, 'node_modules/monobloc')
const env = {
  ...process.env,
  NODE_OPTIONS: '',
  PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
}
let tarball: string

beforeAll(async () => {
  const parts = [
    'src',
    'bin',
    'scripts',
    'tools',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ]
  for (const part of [...parts, 'LICENSE', 'README.md', 'CHANGELOG.md']) {
    cpSync(path.join(repository, part), path.join(copy, part), { recursive: true })
  }
  symlinkSync(path.join(repository, 'node_modules'), path.join(copy, 'node_modules'))
  const packed = await npm(copy, 'pack', '--json')
  tarball = path.join(copy, JSON.parse(packed.slice(packed.indexOf('[\n')))[0].filename)

  mkdirSync(consumer)
  write('package.json', '{ "private": true }')
  await npm(consumer, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball)
}, 180_000)

afterAll(() => rmSync(temporary, { recursive: true, force: true }))

function write(file: string, text: string): void {
  writeFileSync(path.join(consumer, file), text)
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd('npm', args, { cwd, env, deadline: 170_000 })
  if (code !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

async function node(file: string, text: string): Promise<string> {
  write(file, text)
  const { code, stdout, stderr } = await runToEnd(process.execPath, [file], { cwd: consumer, env })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return stdout
}

describe('the tarball', () => {
  test('holds what is built and nothing of the repository', () => {
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
    expect(new Set(files.map((file) => file.split(path.sep)[0]))).toEqual(
      new Set(['bin', 'dist', 'CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']),
    )
    expect(files.filter((file) => /\.test\.|(?<!\.d)\.ts$/.test(file))).toEqual([])
  })
  test('has a manifest without what only the repository uses, and the repository has its own back', () => {
    const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'))
    expect(Object.keys(manifest)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/scripts|dev|workspaces|allowScripts/i)]),
    )
    expect(
      Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).filter((name) => /^node-/.test(name)),
    ).toEqual([])
    expect(JSON.stringify(manifest)).not.toContain('source')
    const own = (folder: string) => readFileSync(path.join(folder, 'package.json'), 'utf8')
    expect(own(copy)).toBe(own(repository))
  })
  test('keeps to its size', () => {
    // 1 MB unpacked. More is a decision.
    const bytes = readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0)
    expect(bytes).toBeLessThan(1_000_000)
  })
  test.each([
    ['publint', ['publint', '--strict']],
    ['attw', ['attw', '--no-color']],
  ])('%s finds nothing', { timeout: 60_000 }, async (_, [command, ...args]) => {
    const program = path.join(repository, 'node_modules/.bin', command!)
    const { code, stdout, stderr } = await runToEnd(program, [...args, tarball], { cwd: temporary, env })
    expect(stderr).toBe('')
    expect(code, stdout).toBe(0)
  })
})

describe('an installed package', () => {
  test('is one instance by import and by require', async () => {
    const text = `import { createRequire } from 'node:module'
      import * as imported from 'monobloc'
      const required = createRequire(import.meta.url)('monobloc')
      console.log(Object.keys(imported).every((name) => imported[name] === required[name]), Object.keys(imported).length > 0)`
    expect(await node('instance.mjs', text)).toBe('true true\n')
  })
  test('has types that a strict TypeScript project of either kind can use', { timeout: 60_000 }, async () => {
    write(
      'esm.mts',
      "import { errorTable, MonoblocError } from 'monobloc'\nexport const status: 403 | undefined = errorTable.forbidden.status\n// @ts-expect-error no such code\nnew MonoblocError('nonsense')\n",
    )
    write(
      'cjs.cts',
      "import monobloc = require('monobloc')\nexport const error = new monobloc.MonoblocError('forbidden')\n// @ts-expect-error no such code\nnew monobloc.MonoblocError('nonsense')\n",
    )
    const types = path.join(repository, 'node_modules/@types')
    const options = {
      module: 'nodenext',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      typeRoots: [types],
      types: ['node'],
    }
    write('tsconfig.json', JSON.stringify({ compilerOptions: options, files: ['esm.mts', 'cjs.cts'] }))
    const tsc = path.join(repository, 'node_modules/typescript/bin/tsc')
    const { stdout } = await runToEnd(process.execPath, [tsc, '--pretty', 'false'], { cwd: consumer, env })
    // What other packages declare is theirs.
    expect(stdout.split('\n').filter((line) => /^(node_modules\/monobloc|esm|cjs)/.test(line))).toEqual([])
  })
  test('brings the command', async () => {
    const command = path.join(consumer, 'node_modules/.bin/monobloc')
    const { stdout, stderr } = await runToEnd(command, ['--version'], { cwd: consumer, env })
    expect(stderr).toBe('')
    expect(stdout).toContain(JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')).version)
  })
})

describe('the command on an older Node', () => {
  const bin = path.join(repository, 'bin/monobloc.cjs')
  test('says which version it needs and how to get it, and ends with 78', async () => {
    write('old.cjs', "Object.defineProperty(process, 'versions', { value: { node: '23.11.1' } })")
    const { code, stderr } = await runToEnd(process.execPath, ['-r', './old.cjs', bin, '--version'], {
      cwd: consumer,
      env,
    })
    expect(code).toBe(78)
    expect(stderr).toContain('needs Node.js 24 or later')
    expect(stderr).toContain('nodejs.org')
  })
  test('is written in what old versions can read', () => {
    expect(readFileSync(bin, 'utf8')).not.toMatch(/=>|\b(const|let|class|async|await|import)\b|`|\?\.|\?\?|\.\.\./)
  })
})

describe('three lines make an app', () => {
  test.each([
    ['import', 'app.mjs', "import { backend, endpoint } from 'monobloc'", 'export default'],
    ['require', 'app.cjs', "const { backend, endpoint } = require('monobloc')", 'module.exports ='],
  ])('that answers, by %s', async (_, file, load, result) => {
    const hello = "const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })"
    write(file, `${load}\n${hello}\n${result} backend({ name: 'hello', serve: [hello] })\n`)
    const data = path.join(consumer, `data-${file}`)
    const options = { cwd: consumer, env: { ...env, PORT: '0', MONOBLOC_DATA: data } }
    const served = await Served.start([path.join(installed, 'bin/monobloc.cjs'), 'start', file], options)
    try {
      const response = await fetch(served.origin)
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ hello: 'world' })
      for (const file of ['docs', 'docs/reference.css', 'docs/reference.js', 'openapi.json'])
        expect((await fetch(`${served.origin}/${file}`)).status).toBe(200)
    } finally {
      await served.stop()
    }
  })
})
