import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { appSource, Child, command, folderWith, hello, programSource } from '../../test/api/child-app.ts'
import { commands } from './commands.ts'
import { commandHelp } from './help.ts'

const secret = 'abcdefghijklmnopqrstuvwxyz012345'
const notes = `model('note', { id: t.id(), text: t.text() })`
const data = `const Note = ${notes}
  const { endpoint: dataEndpoint, policy } = define({ models: { Note } })
  policy(Note, { anyone: { read: true, create: true } })
  const list = dataEndpoint('GET /notes', { anyone: true, handle: ({ db }) => db.find(Note) })
  const add = dataEndpoint('POST /notes', { anyone: true, handle: ({ db }) => db.insert(Note, { text: 'x' }) })`

async function run(args: string[], files: Record<string, string>, env: Record<string, string> = {}) {
  const child = new Child([command, ...args], { folder: folderWith(files), env })
  const { code } = await child.exit
  return { code, out: child.out, err: child.err }
}

describe('monobloc', () => {
  test('prints its version and its help, with the exit codes, without colours in a pipe', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(await run(['--version'], {})).toEqual({ code: 0, out: `${version}\n`, err: '' })
    const help = await run(['--help'], {})
    expect(help).toMatchObject({ code: 0, err: '' })
    for (const word of ['dev', 'start', 'routes', 'doctor', '64', '69', '78']) expect(help.out).toContain(word)
    expect(help.out).not.toContain('\x1b')
  })
  test('lists every command, and each has its own help, usage and exit codes, and takes --json', async () => {
    const { out } = await run(['--help'], {})
    for (const command of commands) {
      expect(out).toContain(`  ${command.name} `)
      const help = commandHelp(command, false)
      expect(help).toMatch(new RegExp(`^Usage: monobloc ${command.name} `, 'm'))
      for (const part of ['Options:', '--json', 'Exit codes:', ...Object.keys(command.options)]) {
        expect(help).toContain(part)
      }
      expect(command.about).toMatch(/--json/)
    }
    expect((await run(['routes', '--help'], {})).out).toContain('Usage: monobloc routes [app]')
  })
  test('with --json says on standard error, as JSON, why it has failed', async () => {
    const { code, out, err } = await run(['routes', '--json'], { 'app.ts': 'export const app = 1' })
    expect({ code, out }).toEqual({ code: 78, out: '' })
    expect(JSON.parse(err)).toMatchObject({
      error: { code: 'app_invalid', message: expect.stringContaining('no default export'), violations: [] },
    })
  })
  test('completion prints a script, and needs to know whose', async () => {
    expect((await run(['completion', 'bash'], {})).out).toContain('complete -o filenames -F _monobloc monobloc')
    expect(await run(['completion'], {})).toMatchObject({ code: 64, out: '' })
  })
  test('refuses what it does not understand with 64, on standard error', async () => {
    const wrong = await run(['strat'], {})
    expect(wrong).toMatchObject({ code: 64, out: '' })
    expect(wrong.err).toContain('did you mean start?')
  })
  test.each([
    [{}, 'has none of app.ts'],
    [{ 'app.ts': 'export const app = 1' }, 'app.ts has no default export'],
    [{ 'app.ts': 'export default () => {}' }, 'has a function as its default export'],
    [{ 'app.ts': 'export default { serve: [] }' }, 'has a default export that is not a backend'],
    [{ 'app.ts': appSource('7') }, 'serve takes endpoints'],
  ])('says what is wrong with an app, and ends with 78: %#', async (files, words) => {
    const { code, err } = await run(['start'], files as Record<string, string>, { MONOBLOC_SECRET: secret, PORT: '0' })
    expect(err).toContain(words)
    expect(code).toBe(78)
  })
})

describe('monobloc start', () => {
  const start = (files: Record<string, string>, args: string[] = [], env: Record<string, string> = {}) =>
    new Child([command, 'start', ...args], { folder: folderWith(files), env: { MONOBLOC_SECRET: secret, ...env } })

  test('runs the app in production, where --port says, and stops with 0', async () => {
    const source = appSource(`endpoint('GET /mode', { handle: () => process.env.NODE_ENV })`)
    const child = start({ 'src/app.ts': source }, ['--port', '0'], { NODE_ENV: 'development', PORT: '1' })
    expect(await (await fetch(`${await child.url()}/mode`)).json()).toBe('production')
    child.process.kill('SIGTERM')
    expect((await child.exit).code).toBe(0)
  })
  test('runs an app that listens by itself, once', async () => {
    const child = start({ 'app.ts': programSource(hello) }, [], { PORT: '0' })
    expect((await fetch(`${await child.url()}/hello`)).status).toBe(200)
    child.process.kill('SIGTERM')
    await child.exit
    expect(child.out.match(/is ready at/g)).toHaveLength(1)
  })
  test('refuses to start without a secret, unless the app keeps one or has no users', async () => {
    const users = `const User = model('user', { id: t.id(), name: t.text() })
      const ask = define({ models: { User }, user: User }).endpoint('GET /ask', { handle: () => 1 })`
    const refused = await run(['start'], { 'app.ts': appSource('ask', '', users) })
    expect(refused.code).toBe(78)
    expect(refused.err).toContain('MONOBLOC_SECRET  is missing')
    for (const app of [appSource('ask', 'keepSecret: true', users), appSource(hello)]) {
      await new Child([command, 'start', '--port=0'], { folder: folderWith({ 'app.ts': app }) }).url()
    }
  })
  test('creates tables in an empty database, and later refuses models that differ', async () => {
    const folder = folderWith({ 'app.ts': appSource('list, add', '', data) })
    const env = { MONOBLOC_SECRET: secret, PORT: '0' }
    const first = new Child([command, 'start'], { folder, env })
    expect((await fetch(`${await first.url()}/notes`, { method: 'POST' })).status).toBe(200)
    first.process.kill('SIGTERM')
    expect((await first.exit).code).toBe(0)
    writeFileSync(
      `${folder}/app.ts`,
      appSource('list, add', '', data.replace('t.text() }', `t.text(), title: t.text().nullable() }`)),
    )
    const second = new Child([command, 'start'], { folder, env })
    expect((await second.exit).code).toBe(78)
    expect(second.err).toMatch(/does not match the models[\s\S]*title/)
    // Development makes the same change by itself.
    const third = new Child([command, 'dev'], { folder, env })
    expect(await (await fetch(`${await third.url()}/notes`)).json()).toMatchObject([{ text: 'x', title: null }])
    third.process.kill('SIGINT')
    expect((await third.exit).code).toBe(0)
  })
})

describe('monobloc routes', () => {
  test('lists what is served, by path, as a table and as JSON, and opens nothing', async () => {
    const files = { 'app.ts': appSource('add, list, ' + hello, '', data) }
    const table = await run(['routes'], files)
    expect(table).toMatchObject({ code: 0, err: '' })
    expect(
      table.out
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/)),
    ).toEqual([
      ['method', 'path', 'access', 'transaction', 'source'],
      ['GET', '/hello', 'anyone', 'none', 'endpoint'],
      ['POST', '/notes', 'anyone', 'write', 'endpoint'],
      ['GET', '/notes', 'anyone', 'read', 'endpoint'],
    ])
    const folder = folderWith(files)
    const child = new Child([command, 'routes', '--json'], { folder })
    expect((await child.exit).code).toBe(0)
    expect(JSON.parse(child.out)[0]).toEqual({
      method: 'GET',
      path: '/hello',
      access: 'anyone',
      transaction: 'none',
      source: 'endpoint',
    })
    expect(readdirSync(folder)).toEqual(['app.ts'])
  })
  test('does not start an app that listens by itself, and ends though it keeps a timer', async () => {
    const source = `${programSource(hello)}\nsetInterval(() => {}, 1000)`
    expect(await run(['routes'], { 'app.ts': source }, { PORT: '1' })).toMatchObject({ code: 0, err: '' })
  })
})
