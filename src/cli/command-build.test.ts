import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { Child, command, door, folderWith } from '../../test/api/child-app.ts'

const tsconfig = JSON.stringify({
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    types: ['node'],
  },
  include: ['src'],
})
// The door is bound to this repository's sources; a type assertion keeps the compiler out of them.
const app = `
  import { greeting } from './greeting.ts'
  import { readFileSync } from 'node:fs'
  enum Kind { hello = 'hello' }
  const source: string = ${JSON.stringify(door)}
  const { backend, endpoint } = await import(source)
  const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8')
  export default backend({ serve: [endpoint('GET /', { handle: () => ({ [Kind.hello]: greeting, page }) })] })`

function project(files: Record<string, string> = {}): string {
  const folder = folderWith({
    'package.json': '{ "type": "module" }',
    'tsconfig.json': tsconfig,
    'src/app.ts': app,
    'src/greeting.ts': `export const greeting: string = 'world'`,
    'src/page.html': '<p>',
    'src/greeting.test.ts': 'this is not compiled',
    'node_modules/.keep': '',
    ...files,
  })
  for (const name of ['typescript', '@types', '@typescript', 'undici-types']) {
    const target = path.resolve('node_modules', name)
    if (existsSync(target)) symlinkSync(target, path.join(folder, 'node_modules', name))
  }
  return folder
}

async function build(folder: string, ...args: string[]) {
  const child = new Child([command, 'build', ...args], { folder })
  const { code } = await child.exit
  return { code, out: child.out, err: child.err }
}

test('compiles an app, what it imports and what lies beside it, to what runs without TypeScript', async () => {
  const folder = project()
  expect(await build(folder)).toEqual({ code: 0, out: '5 files. Run it with: monobloc start dist/app.js\n', err: '' })
  const files = ['app.js', 'app.js.map', 'greeting.js', 'greeting.js.map', 'page.html']
  for (const file of files) expect(existsSync(path.join(folder, 'dist', file)), file).toBe(true)
  const child = new Child([command, 'start', 'dist/app.js', '--port=0'], { folder })
  expect(await (await fetch(await child.url())).json()).toEqual({ hello: 'world', page: '<p>' })
  // Again, into another folder, with what was there before gone.
  writeFileSync(path.join(folder, 'dist/old.js'), '')
  const { out } = await build(folder, '--json')
  expect(JSON.parse(out)).toEqual({ entry: 'dist/app.js', files: files.map((file) => `dist/${file}`) })
  expect(existsSync(path.join(folder, 'dist/old.js'))).toBe(false)
})

test('keeps the shape of an app whose files have only the project in common', async () => {
  const folder = project({
    'shared/one.ts': 'export const one = 1',
    'src/greeting.ts': `export { one as greeting } from '../shared/one.ts'`,
  })
  const { out } = await build(folder, '--out', 'build', '--json')
  expect(JSON.parse(out).entry).toBe('build/src/app.js')
  expect(JSON.parse(out).files).not.toContain('build/tsconfig.json')
  expect(readFileSync(path.join(folder, 'build/src/greeting.js'), 'utf8')).toContain(`'../shared/one.js'`)
})

test('writes nothing when types are wrong, and says where', async () => {
  const folder = project({ 'src/greeting.ts': `export const greeting: string = 1` })
  const { code, out, err } = await build(folder)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/src\/greeting\.ts\(1,14\): error TS2322/)
  expect(existsSync(path.join(folder, 'dist'))).toBe(false)
  const told = await build(folder, '--json')
  expect(JSON.parse(told.out)).toEqual({ problems: [expect.stringContaining('TS2322')] })
})

test('says what is missing, refuses to empty what holds the app, and leaves JavaScript as it is', async () => {
  const bare = folderWith({ 'app.ts': 'export default 1', 'package.json': '{}' })
  const missing = await build(bare)
  expect(missing.code).toBe(78)
  expect(missing.err).toContain('npm install --save-dev typescript')
  for (const out of ['.', 'src', '..', '/']) {
    const refused = await build(project(), `--out=${out}`)
    expect(refused.code).toBe(78)
    expect(refused.err).toContain('would be emptied')
  }
  expect((await build(folderWith({ 'app.js': 'export default 1' }))).out).toContain('app.js is JavaScript')
})
