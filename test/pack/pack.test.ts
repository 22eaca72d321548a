import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runToEnd, Served } from '../docs/child-process.ts'
import { serve, stopAll, useNotes } from './npm-script.ts'
import { env, install, npm, type Packed, pack, repository } from './packed.ts'

// What people install, outside the repository, where nothing but the tarballs can answer.

let packed: Packed
let consumer: string
let installed: string

beforeAll(async () => {
  packed = await pack()
  consumer = await install(packed, 'consumer', packed.monobloc)
  installed = path.join(consumer, 'node_modules/monobloc')
}, 180_000)

afterAll(() => packed?.remove())

function write(file: string, text: string): void {
  writeFileSync(path.join(consumer, file), text)
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
    expect(own(packed.copy)).toBe(own(repository))
  })
  test('takes what an app makes with Kysely of its own', async () => {
    const said = await node(
      'own-kysely.mjs',
      `import { sql } from 'kysely'
import { backend, define, model, t } from 'monobloc'
const Note = model('note', { id: t.serial(), title: t.text() })
const { resource } = define({ models: { Note } })
const app = backend({ name: 'own', serve: [resource(Note, { at: '/notes' })], data: 'own-kysely', logLevel: 'silent' })
await app.start({ listen: false })
await app.transaction((db) => db.insert(Note, { title: 'Bread' }))
const upper = sql\`upper(title)\`.as('upper')
const rows = await app.transaction((db) => db.sql.selectFrom('note').select(upper).where(sql\`length(title)\`, '=', 5).execute())
console.log(JSON.stringify(rows))
await app.stop()
`,
    )
    expect(said.trim()).toBe('[{"upper":"BREAD"}]')
  })
  test('keeps to its size, alone and with all that it brings', () => {
    const megabytes = (folder: string) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0) / 1e6
    // Unpacked. More is a decision.
    expect(megabytes(installed)).toBeLessThan(3)
    expect(megabytes(path.join(consumer, 'node_modules'))).toBeLessThan(40)
    const lock = JSON.parse(readFileSync(path.join(consumer, 'package-lock.json'), 'utf8'))
    expect(Object.keys(lock.packages).length).toBeLessThan(100)
  })
  test.each([
    ['publint', ['publint', '--strict']],
    ['attw', ['attw', '--no-color']],
  ])('%s finds nothing', { timeout: 60_000 }, async (_, [command, ...args]) => {
    const program = path.join(repository, 'node_modules/.bin', command!)
    const { code, stdout, stderr } = await runToEnd(program, [...args, packed.monobloc], { cwd: consumer, env })
    expect(stderr).toBe('')
    expect(code, stdout).toBe(0)
  })
})

describe('an installed package', () => {
  test('is one instance by import and by require', async () => {
    const text = `import { createRequire } from 'node:module'
      for (const door of ['monobloc', 'monobloc/testing']) {
        const imported = await import(door)
        const required = createRequire(import.meta.url)(door)
        console.log(Object.keys(imported).every((name) => imported[name] === required[name]), Object.keys(imported).length > 0)
      }`
    expect(await node('instance.mjs', text)).toBe('true true\ntrue true\n')
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
  test('compiles the app of the README, as it says and with declarations', { timeout: 60_000 }, async () => {
    const readme = readFileSync(path.join(repository, 'README.md'), 'utf8')
    const folder = path.join(consumer, 'readme')
    const shown = [...readme.matchAll(/<!-- file: (\S+) -->\n```ts\n(.*?)```/gs)].map(([, name, text]) => [
      name!,
      text!,
    ])
    expect(shown.map(([name]) => name)).toEqual(expect.arrayContaining(['models.ts', 'app.ts']))
    mkdirSync(folder)
    for (const [name, text] of [...shown, ['package.json', '{ "type": "module" }']])
      writeFileSync(path.join(folder, name!), text!)
    const { compilerOptions } = JSON.parse(/```json\n(.*?)```/s.exec(readme)![1]!)
    const typeRoots = [path.join(repository, 'node_modules/@types')]
    const tsc = path.join(repository, 'node_modules/typescript/bin/tsc')
    const declared = { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: 'types' }
    for (const more of [{}, declared]) {
      const config = { compilerOptions: { ...compilerOptions, ...more, typeRoots } }
      writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
      const { code, stdout } = await runToEnd(process.execPath, [tsc, '--pretty', 'false'], { cwd: folder, env })
      expect(stdout).toBe('')
      expect(code).toBe(0)
    }
    expect(readFileSync(path.join(folder, 'types/models.d.ts'), 'utf8')).toContain('export declare const')
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

// Each test goes on from the one before: it is what the owner of an app does with it.
describe('npm create monobloc', () => {
  let tool: string
  let app: string

  beforeAll(async () => {
    tool = await install(packed, 'tool', packed.create)
    app = path.join(packed.temporary, 'Press')
    const { code, stdout, stderr } = await create('Press', '--monobloc', packed.monobloc)
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('npm run dev')
  }, 180_000)

  afterEach(() => stopAll())

  const create = (...args: string[]) =>
    runToEnd(path.join(tool, 'node_modules/.bin/create-monobloc'), args, {
      cwd: packed.temporary,
      env,
      deadline: 170_000,
    })
  const json = (file: string) => JSON.parse(readFileSync(path.join(app, file), 'utf8'))

  test('installs what the app needs, and nothing that runs a script or is given up', () => {
    const { packages } = json('package-lock.json') as { packages: Record<string, Record<string, unknown>> }
    expect(Object.keys(packages).length).toBeGreaterThan(10)
    expect(Object.keys(packages).length).toBeLessThan(100)
    for (const [name, entry] of Object.entries(packages)) {
      expect(entry, name).not.toHaveProperty('hasInstallScript')
      expect(entry, name).not.toHaveProperty('deprecated')
    }
    expect(existsSync(path.join(app, '.git'))).toBe(true)
  })
  test('refuses a folder with something in it, and what it does not understand', async () => {
    const before = readdirSync(app)
    expect(await create('Press')).toMatchObject({ code: 73, stderr: expect.stringContaining('has something in it') })
    expect(readdirSync(app)).toEqual(before)
    expect(await create('--nonsense')).toMatchObject({ code: 64 })
    expect(await create('--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Usage: npm create monobloc'),
    })
  })
  test('its tests and its types pass', async () => {
    const { code, stdout } = await runToEnd('npm', ['test'], { cwd: app, env, deadline: 60_000 })
    expect(code, stdout).toBe(0)
    expect(stdout).toMatch(/pass 2\b/)
    await npm(app, 'run', 'check')
  })
  test('dev serves it, and serves it again after a change', async () => {
    const dev = await serve(app, ['run', 'dev', '--', '--port', '0'])
    expect(await useNotes(dev.url)).toEqual([{ title: 'Buy bread' }])
    const file = path.join(app, 'src/notes.ts')
    writeFileSync(file, readFileSync(file, 'utf8').replace('POST /notes', 'POST /written'))
    await dev.says(/serving again/)
    expect((await fetch(`${dev.url}/written`, { method: 'POST' })).status).toBe(401)
    writeFileSync(file, readFileSync(file, 'utf8').replace('POST /written', 'POST /notes'))
  })
  test('takes parts and gives them back with plain npm', async () => {
    const before = readFileSync(path.join(app, 'package-lock.json'), 'utf8')
    await npm(app, 'install', 'sanitize-html')
    expect(JSON.parse(await npm(app, 'ls', 'sanitize-html', '--json')).problems).toBeUndefined()
    await npm(app, 'update')
    await npm(app, 'uninstall', 'sanitize-html')
    expect(JSON.parse(readFileSync(path.join(app, 'package-lock.json'), 'utf8')).packages).toEqual(
      JSON.parse(before).packages,
    )
    expect(JSON.parse(await npm(app, 'ls', '--all', '--json')).problems).toBeUndefined()
  })
  test('migrate writes what the models need into a file, and applies it', async () => {
    await npm(app, 'run', 'migrate', '--', 'plan', '--name', 'initial')
    const [file, ...more] = readdirSync(path.join(app, 'migrations'))
    expect([file, more]).toEqual(['0001-initial.sql', []])
    const data = path.join(packed.temporary, 'migrated')
    const { code, stdout } = await runToEnd('npm', ['run', 'migrate', 'apply'], {
      cwd: app,
      env: { ...env, MONOBLOC_DATA: data },
      deadline: 60_000,
    })
    expect(code, stdout).toBe(0)
    expect(stdout).toContain('Applied 0001-initial')
    expect(existsSync(path.join(data, 'app.db'))).toBe(true)
  })
  test('build compiles it, and start runs that in production without development dependencies', async () => {
    await npm(app, 'run', 'build')
    await npm(app, 'prune', '--omit=dev')
    expect(existsSync(path.join(app, 'node_modules/typescript'))).toBe(false)
    // The one that was migrated.
    const data = path.join(packed.temporary, 'migrated')
    const production = { MONOBLOC_SECRET: 'abcdefghijklmnopqrstuvwxyz012345', MONOBLOC_DATA: data }
    const start = await serve(app, ['start', '--', '--port', '0'], production)
    expect(await useNotes(start.url)).toEqual([{ title: 'Buy bread' }])
    expect(await start.stop()).toContain('stop')
  })
})
