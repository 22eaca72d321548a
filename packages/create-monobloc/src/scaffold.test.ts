import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readArguments } from './arguments.ts'
import { packageName, versions } from './manifest.ts'
import { obstacle, scaffold } from './scaffold.ts'

const temporary = mkdtempSync(path.join(tmpdir(), 'create-monobloc-'))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

const root = path.join(import.meta.dirname, '../../..')
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))

describe('a new app', () => {
  test('has these files, and its name wherever a name is', () => {
    const folder = path.join(temporary, 'Press & Co')
    expect(scaffold(folder, '^1.2.3')).toEqual(
      [
        '.env.example',
        '.gitignore',
        'README.md',
        'package.json',
        'src/app.ts',
        'src/models.ts',
        'src/notes.ts',
        'src/users.ts',
        'test/app.test.ts',
        'tsconfig.json',
      ].sort(),
    )
    expect(json(path.join(folder, 'package.json'))).toMatchObject({
      name: 'press-co',
      private: true,
      type: 'module',
      dependencies: { monobloc: '^1.2.3' },
    })
    expect(readFileSync(path.join(folder, 'src/app.ts'), 'utf8')).toContain(`name: 'press-co'`)
    expect(readFileSync(path.join(folder, 'README.md'), 'utf8')).not.toContain('my-app')
  })
  test('is made with what Monobloc is tested with', () => {
    const { dependencies, devDependencies, version } = json(path.join(root, 'package.json'))
    for (const [name, range] of Object.entries(versions)) {
      expect(range).toBe(`^${dependencies[name] ?? devDependencies[name]}`)
    }
    expect(json(path.join(import.meta.dirname, '../package.json')).version).toBe(version)
  })
  test.each([
    ['app', 'app'],
    ['My App', 'my-app'],
    ['.hidden_', 'hidden'],
    ['Ünïque', 'n-que'],
    ['日本', 'app'],
    ['x'.repeat(300), 'x'.repeat(214)],
  ])('in the folder %s is called %s', (folder, name) => {
    expect(packageName(folder)).toBe(name)
  })
})

describe('a folder', () => {
  const folder = (name: string) => path.join(temporary, name)
  test('that is new, empty, or holds nothing but git and editors is taken', () => {
    expect(obstacle(folder('new'))).toBeUndefined()
    mkdirSync(folder('empty'))
    expect(obstacle(folder('empty'))).toBeUndefined()
    mkdirSync(folder('empty/.git'))
    expect(obstacle(folder('empty'))).toBeUndefined()
  })
  test('with anything else in it is refused, and so is a file', () => {
    mkdirSync(folder('full'))
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(path.join(folder('full'), name), '')
    expect(obstacle(folder('full'))).toContain('has something in it (a, b, c, …)')
    expect(obstacle(path.join(folder('full'), 'a'))).toContain('is a file')
  })
})

describe('the command line', () => {
  test.each([
    ['', { folder: undefined, install: undefined, git: undefined, yes: false }],
    ['app --no-install --no-git -y', { folder: 'app', install: false, git: false, yes: true }],
    ['--monobloc 1.0.0 app', { folder: 'app', monobloc: '1.0.0' }],
  ])('%j is understood', (line, wishes) => {
    expect(readArguments(line.split(' ').filter(Boolean))).toMatchObject({ kind: 'create', wishes })
  })
  test.each(['a b', '--nonsense', '--monobloc', '--install=yes'])('%j is refused', (line) => {
    expect(readArguments(line.split(' '))).toMatchObject({ kind: 'wrong' })
  })
  test('help and version', () => {
    expect(readArguments(['-h'])).toEqual({ kind: 'help' })
    expect(readArguments(['--version', 'app'])).toEqual({ kind: 'version' })
  })
})
