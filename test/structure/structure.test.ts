import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkCycles } from './cycles.ts'
import { checkNames } from './names.ts'
import { checkPackages } from './packages.ts'
import { checkRooms } from './rooms.ts'
import { checkSizes, maximumFileLines, maximumFunctionLines, type SizeExceptions } from './sizes.ts'
import { parseFile, readTree, type SourceFile } from './source-file.ts'

/** Each with its reason. Prefer splitting the file. */
const exceptions: SizeExceptions = {
  'src/errors.ts': 'one table of all codes, which is searched, not read',
}

const root = path.join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const source = readTree('src')
const tests = readTree('test')

describe('the repository', () => {
  test('rooms depend one way and come in by the door', () => {
    expect(checkRooms(source)).toEqual([])
  })
  test('no value import is part of a cycle', () => {
    expect(checkCycles(source)).toEqual([])
  })
  test('files and functions keep their size', () => {
    expect(checkSizes([...source, ...tests], exceptions)).toEqual([])
  })
  test('names are kebab-case and say something, exports are named', () => {
    expect(checkNames(source)).toEqual([])
  })
  test('packages are declared, pinned and explained', () => {
    expect(checkPackages(source, JSON.parse(read('package.json')), read('docs/dependencies.md'))).toEqual([])
  })
  test('the lockfile names no registry', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { resolved?: string; link?: boolean }>
    }
    const resolved = Object.values(packages).filter((entry) => entry.resolved && !entry.link)
    expect(resolved.map((entry) => entry.resolved)).toEqual([])
  })
})

/** A tree in memory: path to text. */
function tree(texts: Record<string, string>): SourceFile[] {
  return Object.entries(texts).map(([file, text]) => parseFile(file, text))
}

describe('the check of rooms', () => {
  test('accepts imports downward through doors, inside a room, and of the leaves', () => {
    const files = tree({
      'src/index.ts': "export { get } from './http/index.ts'",
      'src/errors.ts': 'export const code = 1',
      'src/http/index.ts': "export * from './get.ts'",
      'src/http/get.ts':
        "import '../commit/index.ts'\nimport '../observe/index.ts'\nimport '../errors.ts'\nimport 'zod'",
      'src/http/get.test.ts': "import '../runtime/index.ts'\nimport { model } from 'monobloc'",
      'src/client/index.ts': "import type { Get } from '../http/index.ts'",
    })
    expect(checkRooms(files)).toEqual([])
  })
  test.each([
    ['an upward import', 'src/schema/a.ts', "import '../commit/index.ts'", 'schema may not depend on commit'],
    [
      'an upward type import',
      'src/schema/a.ts',
      "import type { A } from '../commit/index.ts'",
      'schema may not depend on commit',
    ],
    [
      'a lazy upward import',
      'src/schema/a.ts',
      "await import('../commit/index.ts')",
      'schema may not depend on commit',
    ],
    [
      'a type import expression',
      'src/schema/a.ts',
      "type A = import('../commit/index.ts').A",
      'schema may not depend on commit',
    ],
    [
      'an export from above',
      'src/schema/a.ts',
      "export * from '../commit/index.ts'",
      'schema may not depend on commit',
    ],
    ['an import between neighbours', 'src/cache/a.ts', "import '../access/index.ts'", 'cache may not depend on access'],
    [
      'a leaf that imports a room',
      'src/observe/a.ts',
      "import '../schema/index.ts'",
      'observe may not depend on schema',
    ],
    ['an error table that imports', 'src/errors.ts', "import './schema/index.ts'", 'imports nothing'],
    ['an import past the door', 'src/commit/a.ts', "import '../storage/sqlite/open.ts'", 'by its door'],
    [
      'an import past the door from the package door',
      'src/index.ts',
      "export * from './storage/open.ts'",
      'by its door',
    ],
    ['an import of the package door', 'src/cli/a.ts', "import '../index.ts'", "package's own door"],
    ['an import of the package by name', 'src/cli/a.ts', "import 'monobloc'", "package's own door"],
    ['an import from outside src', 'src/cli/a.ts', "import '../../bench/a.ts'", 'outside src'],
    ['a value import by the client', 'src/client/a.ts', "import { type A } from '../http/index.ts'", 'types only'],
    ['a folder that is no room', 'src/helpers/a.ts', '', 'not a room'],
    ['a file in no room', 'src/app.ts', '', 'in no room'],
  ])('refuses %s', (_, file, text, message) => {
    expect(checkRooms(tree({ [file]: text }))).toEqual([expect.stringContaining(message)])
  })
})

describe('the check of cycles', () => {
  test('names the files of a cycle, and a type import makes none', () => {
    const files = tree({
      'src/a/a.ts': "import './b.ts'",
      'src/a/b.ts': "export * from './c.ts'",
      'src/a/c.ts': "import { type A } from './a.ts'",
    })
    expect(checkCycles(files)).toEqual(['src/a/a.ts -> src/a/b.ts -> src/a/c.ts -> src/a/a.ts'])
    files[2] = parseFile('src/a/c.ts', "import type { A } from './a.ts'")
    expect(checkCycles(files)).toEqual([])
  })
  test('sees a file that imports itself and a cycle that is not reached first', () => {
    expect(checkCycles(tree({ 'src/a/a.ts': "import './a.ts'" }))).toHaveLength(1)
    const files = tree({
      'src/a/a.ts': "import './b.ts'",
      'src/a/b.ts': "import './c.ts'",
      'src/a/c.ts': "import './b.ts'",
    })
    expect(checkCycles(files)).toEqual(['src/a/b.ts -> src/a/c.ts -> src/a/b.ts'])
  })
})

describe('the check of sizes', () => {
  const lines = (count: number) => '// line\n'.repeat(count)
  const body = (count: number) => `{\n${'  x()\n'.repeat(count - 2)}}\n`
  test('accepts a file and a function at the limit and refuses one line more', () => {
    expect(checkSizes(tree({ 'src/a.ts': lines(maximumFileLines) }))).toEqual([])
    expect(checkSizes(tree({ 'src/a.ts': lines(maximumFileLines + 1) }))).toHaveLength(1)
    expect(checkSizes(tree({ 'src/a.ts': `function f() ${body(maximumFunctionLines)}` }))).toEqual([])
    const long = body(maximumFunctionLines + 1)
    for (const text of [
      `function f() ${long}`,
      `const f = () => ${long}`,
      `const o = { f() ${long} }`,
      `class C { f() ${long} }`,
    ]) {
      expect(checkSizes(tree({ 'src/a.ts': text }))).toEqual(['src/a.ts:1 f has 81 lines; 80 are allowed'])
    }
  })
  test('does not measure the functions of a test', () => {
    expect(checkSizes(tree({ 'src/a.test.ts': `function f() ${body(maximumFunctionLines + 1)}` }))).toEqual([])
  })
  test('takes an exception with a reason, and refuses one that is not needed', () => {
    const long = tree({ 'src/a.ts': `function f() ${body(maximumFunctionLines + 1)}` })
    expect(checkSizes(long, { 'src/a.ts: f': 'a table' })).toEqual([])
    expect(checkSizes([], { 'src/a.ts: f': 'a table' })).toEqual(['the exception for src/a.ts: f is not needed'])
  })
})

describe('the check of names', () => {
  test.each([
    ['src/http/getOne.ts', 'kebab-case'],
    ['src/http/GetOne.test.ts', 'kebab-case'],
    ['src/http/get_one.ts', 'kebab-case'],
    ['src/sqlEngines/open.ts', 'folder'],
    ['src/http/utils.ts', 'says nothing'],
    ['src/helpers/get.ts', 'says nothing'],
  ])('refuses %s', (file, message) => {
    expect(checkNames(tree({ [file]: '' }))).toEqual([expect.stringContaining(message)])
  })
  test('refuses every form of default export', () => {
    for (const text of [
      'export default 1',
      'const a = 1\nexport { a as default }',
      "export { default } from './b.ts'",
    ]) {
      expect(checkNames(tree({ 'src/http/get.ts': text }))).toEqual(['src/http/get.ts has a default export'])
    }
  })
  test('accepts what follows the rules', () => {
    expect(
      checkNames(
        tree({ 'src/http/get-one.ts': 'export const a = 1', 'src/http/get-one.test.ts': '', 'src/errors.ts': '' }),
      ),
    ).toEqual([])
  })
})

describe('the check of packages', () => {
  const manifest = { dependencies: { zod: '4.6.7' }, devDependencies: {}, peerDependencies: {} }
  test('accepts what is declared, pinned and explained', () => {
    const files = tree({
      'src/a.ts': "import 'zod/mini'\nimport 'node:fs'\nimport './b.ts'",
      'src/a.test.ts': "import 'vitest'",
    })
    expect(checkPackages(files, manifest, '`zod`')).toEqual([])
  })
  test('refuses what is undeclared, unused, loose or unexplained', () => {
    const files = tree({ 'src/a.ts': "import 'zod'" })
    const more = tree({ 'src/a.ts': "import 'zod'", 'src/b.ts': "import '@a/b/c'" })
    expect(checkPackages(more, manifest, '`zod`')).toEqual([expect.stringContaining('imports @a/b,')])
    expect(checkPackages([], manifest, '`zod`')).toEqual([expect.stringContaining('zod is installed')])
    expect(checkPackages(files, { ...manifest, dependencies: { zod: '^4.6.7' } }, '`zod`')).toEqual([
      'zod is not pinned: ^4.6.7',
    ])
    expect(checkPackages(files, manifest, 'nothing')).toEqual(['docs/dependencies.md gives no reason for zod'])
  })
})
