import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const { binaries } = createRequire(import.meta.url)('./with-node.cjs')
const binary = path.join('node_modules', binaries[`${process.platform}-${process.arch}`])

// A repository of one dependency, and an npm that writes what the real one writes.
let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'with-node-'))
  mkdirSync(path.join(root, 'scripts'))
  copyFileSync(path.join(import.meta.dirname, 'with-node.cjs'), path.join(root, 'scripts/with-node.cjs'))
  writeLockfile('1.0.0')
  write(
    'npm-cli.js',
    `const fs = require('fs')
     fs.appendFileSync('installs', process.argv.slice(2).join(' ') + '\\n')
     if (process.env.NPM_FAILS) process.exit(5)
     fs.mkdirSync(${JSON.stringify(path.dirname(binary))}, { recursive: true })
     if (!fs.existsSync(${JSON.stringify(binary)})) fs.symlinkSync(${JSON.stringify(process.execPath)}, ${JSON.stringify(binary)})
     fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json')`,
  )
})
afterEach(() => rmSync(root, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
  writeFileSync(path.join(root, file), text)
}

function writeLockfile(version: string): void {
  const packages = { '': {}, 'node_modules/a': { version }, 'node_modules/b': { version, optional: true } }
  write('package-lock.json', JSON.stringify({ packages }))
}

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [path.join(root, 'scripts/with-node.cjs'), ...args], {
    env: { ...process.env, NODE_OPTIONS: '', npm_execpath: path.join(root, 'npm-cli.js'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function run(args: string[], env?: Record<string, string>) {
  const child = start(args, env)
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (chunk) => (stdout += chunk))
  child.stderr!.on('data', (chunk) => (stderr += chunk))
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout, stderr }
}

const installed = () => existsSync(path.join(root, 'installs'))

test('installs in a fresh clone, then runs the command with the Node of the repository', async () => {
  const { code, stdout } = await run(['-p', 'process.argv0 + process.cwd()'])
  expect(code).toBe(0)
  expect(stdout).toBe(`${path.join(root, binary)}${root}\n`)
  expect(installed()).toBe(true)
})

test('installs once, and again when the lockfile changes, the Node is gone or an install was interrupted', async () => {
  await run([])
  const again = async () => {
    rmSync(path.join(root, 'installs'), { force: true })
    await run([])
    return installed()
  }
  expect(await again()).toBe(false)
  writeLockfile('1.0.1')
  expect(await again()).toBe(true)
  rmSync(path.join(root, binary))
  expect(await again()).toBe(true)
  rmSync(path.join(root, 'node_modules/.package-lock.json'))
  expect(await again()).toBe(true)
})

test('a package of another platform may be absent, a package in another version may not', async () => {
  const again = async (present: object) => {
    await run([])
    rmSync(path.join(root, 'installs'), { force: true })
    write('node_modules/.package-lock.json', JSON.stringify({ packages: present }))
    await run([])
    return installed()
  }
  expect(await again({ 'node_modules/a': { version: '1.0.0' } })).toBe(false)
  expect(await again({ 'node_modules/b': { version: '1.0.0' } })).toBe(true)
  expect(await again({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '0.9.0' } })).toBe(true)
})

test('ends as npm ended when the install fails', async () => {
  expect((await run(['-p', '1'], { NPM_FAILS: '1' })).code).toBe(5)
})

test('ends with the exit code of the command', async () => {
  expect((await run(['-e', 'process.exit(42)'])).code).toBe(42)
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'passes %s on once and waits for the end that the command chooses',
  async (name) => {
    const script = `let n = 0
    process.on('${name}', () => { n++; setTimeout(() => process.exit(n), 100) })
    setInterval(() => {}, 1000)
    console.log('ready')`
    await run([])
    const child = start(['-e', script])
    await once(child.stdout!, 'data')
    child.kill(name)
    child.kill(name)
    expect(await once(child, 'close')).toEqual([1, null])
  },
)

test('dies of the signal that the command died of', async () => {
  expect(await run(['-e', "process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)"])).toMatchObject({
    signal: 'SIGTERM',
  })
})

test('stops the command when the npm that started it is killed', async () => {
  await run([])
  write(
    'wait.cjs',
    "console.log(process.pid); setInterval(() => {}, 1000); process.on('SIGTERM', () => console.log('stopped') || process.exit())",
  )
  write(
    'parent.cjs',
    "require('child_process').spawn(process.execPath, ['scripts/with-node.cjs', 'wait.cjs'], { stdio: 'inherit' })",
  )
  const env = { ...process.env, npm_lifecycle_event: 'start' }
  const parent = spawn(process.execPath, ['parent.cjs'], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(parent.stdout, 'data')
  parent.kill('SIGKILL')
  const [output] = await once(parent.stdout, 'data')
  expect(output.toString()).toBe('stopped\n')
})

test('says which library the Node lacks and how to get it', async () => {
  write(
    binary,
    '#!/bin/sh\necho "node: error while loading shared libraries: libatomic.so.1: cannot open" >&2\nexit 127\n',
  )
  chmodSync(path.join(root, binary), 0o755)
  const { code, stderr } = await run(['-p', '1'])
  expect(code).toBe(78)
  expect(stderr).toContain('apt-get install libatomic1')
})

test('says that a Node does not run here', async () => {
  write(binary, 'not a program')
  const { code, stderr } = await run(['-p', '1'])
  expect(code).toBe(78)
  expect(stderr).toContain('does not run on this machine')
})

test('where npm has no Node, takes the one that runs if it is new enough and says what is needed if not', async () => {
  const pretend = (version: string) =>
    `Object.defineProperty(process, 'platform', { value: 'sunos' })
     Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  write('old.cjs', pretend('23.11.1'))
  write('new.cjs', pretend('24.0.0'))
  await run([])
  expect(await run(['-p', '1'], { NODE_OPTIONS: `--require=${root}/new.cjs` })).toMatchObject({
    code: 0,
    stdout: '1\n',
  })
  const old = await run(['-p', '1'], { NODE_OPTIONS: `--require=${root}/old.cjs` })
  expect(old).toMatchObject({ code: 78, stdout: '' })
  expect(old.stderr).toContain('needs Node.js 24 or later')
})
