import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { appSource, Child, command, folderWith, hello } from '../../test/api/child-app.ts'

function dev(files: Record<string, string>, env: Record<string, string> = {}) {
  const folder = folderWith(files)
  const child = new Child([command, 'dev', '--port', '0'], { folder, env })
  /** Writes a file, and waits for what must be said after that. */
  const change = (file: string, text: string, says: RegExp) => {
    const from = child.text.length
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    writeFileSync(path.join(folder, file), text)
    return child.says(says, from)
  }
  const get = async (url: string) => (await fetch(url)).json()
  return { folder, child, change, get }
}

const says = (expression: string) => `endpoint('GET /said', { handle: () => ${expression} })`
const again = /serving again at \S+ after \d+ ms/

describe('monobloc dev', () => {
  test('serves a change on the same port, with the same secret', async () => {
    const secretly = says('process.env.MONOBLOC_SESSION_SECRET')
    const { child, change, get } = dev({ 'app.ts': appSource(secretly) })
    const url = await child.url()
    const secret = await get(`${url}/said`)
    expect(secret).toMatch(/^[\w-]{43}$/)
    await change('app.ts', `${appSource(secretly)}\n// changed`, again)
    expect(await get(`${url}/said`)).toBe(secret)
    await change('app.ts', appSource(says('2')), again)
    expect(await get(`${url}/said`)).toBe(2)
  })
  test('says where it is and what it serves once, and each restart in a line', async () => {
    const { child, change } = dev({ 'app.ts': appSource(hello) })
    await child.says(/is ready at[\s\S]*method {2}path {4}access[\s\S]*GET {5}\/hello {2}anyone/)
    await change('app.ts', `${appSource(hello)}\n// changed`, again)
    expect(child.text.match(/is ready at|method {2}path/g)).toHaveLength(2)
  })
  test('with --json writes nothing but JSON, one object a line', async () => {
    const folder = folderWith({ 'app.ts': appSource(hello) })
    const child = new Child([command, 'dev', '--port=0', '--json'], { folder })
    await child.url()
    writeFileSync(path.join(folder, 'app.ts'), `${appSource(hello)}\n// changed`)
    await child.says(again)
    child.process.kill('SIGINT')
    await child.exit
    for (const line of child.text.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level')
  })
  test('shows what changed in routes and schema since it last served', async () => {
    const notes = (field: string, route: string) =>
      appSource(
        `data.endpoint('GET ${route}', { anyone: true, handle: ({ db }) => db.find(Note) })`,
        '',
        `const Note = model('note', { id: t.id(), ${field} })
        const data = define({ models: { Note } })`,
      )
    const { child, change } = dev({ 'app.ts': notes('text: t.text()', '/notes') })
    await child.url()
    await change('app.ts', 'broken', /waiting for a change/)
    const from = child.text.length
    await change('app.ts', notes(`text: t.text(), title: t.text().nullable()`, '/all'), again)
    const told = await child.says(/schema {2}\+ note\.title {2}text, nullable\n/, from)
    expect(told.input).toMatch(/routes {2}- GET \/notes +anyone, read\n {2}routes {2}\+ GET \/all +anyone, read\n/)
    expect(told.input).not.toContain('note.text ')
  })
  test('an error inside of a call shows the line of the app that called', async () => {
    const { child } = dev({
      'app.ts': appSource(
        `data.endpoint('GET /notes', { anyone: true, handle: ({ db }) => db.asSystem().find(Note, { where: { text: undefined } }) })`,
        '',
        `const Note = model('note', { id: t.id(), text: t.text() })
        const data = define({ models: { Note } })`,
      ),
    })
    await fetch(`${await child.url()}/notes`)
    await child.says(/undefined_in_filter[\s\S]*at handle \(file:\S+app\.ts:\d+/)
  })
  test('shows a crash, waits for a change, and serves again', async () => {
    const { child, change, get } = dev({ 'app.ts': appSource(hello) })
    const url = await child.url()
    const broken = `${appSource(hello)}\nthrow new Error('broken by hand')`
    await change('app.ts', broken, /broken by hand[\s\S]*ended \(exit code 1\); waiting for a change/)
    await change('app.ts', appSource(hello), again)
    expect(await get(`${url}/hello`)).toEqual({ hello: 'world' })
  })
  test('starts with an app that is broken', async () => {
    const { child, change } = dev({ 'app.ts': 'export default 1' })
    await child.says(/not a backend\.[\s\S]*waiting for a change/)
    await change('app.ts', appSource(hello), /is ready at/)
  })
  test('sees a crash while it serves', async () => {
    const throwing = `endpoint('GET /throw', { handle: () => { setImmediate(() => { throw new Error('while serving') }) } })`
    const { child, change } = dev({ 'app.ts': appSource(throwing) })
    await fetch(`${await child.url()}/throw`)
    await child.says(/while serving[\s\S]*ended \(exit code 1\); waiting for a change/)
    await change('app.ts', appSource(hello), again)
  })
  test('watches folders that appear, what the app imports from elsewhere, and .env', async () => {
    const elsewhere = folderWith({ 'words.ts': `export const word = 'one'` })
    const words = path.join(elsewhere, 'words.ts')
    const source = appSource(
      says(`word + (process.env.MARK ?? '')`),
      '',
      `import { word } from ${JSON.stringify(words)}`,
    )
    const { child, change, get } = dev({ 'app.ts': source })
    const url = await child.url()
    writeFileSync(words, `export const word = 'two'`)
    await child.says(again)
    expect(await get(`${url}/said`)).toBe('two')
    await change('.env', 'MARK=!', again)
    expect(await get(`${url}/said`)).toBe('two!')
    mkdirSync(path.join(elsewhere, 'unused'))
    await change('parts/deep/part.ts', 'export const part = 1', /part\.ts changed|parts\/deep/)
  })
  test('restarts for nothing else', async () => {
    const { folder, child, change } = dev({
      'app.ts': appSource(hello),
      'node_modules/some/index.js': '',
      '.cache/state.json': '',
      'data/notes.json': '',
      'README.md': '',
    })
    await child.url()
    const from = child.text.length
    for (const file of [
      'node_modules/some/index.js',
      '.cache/state.json',
      'data/notes.json',
      'README.md',
      'upload.png',
    ]) {
      writeFileSync(path.join(folder, file), 'changed')
    }
    // Events come in order: when this one has been seen, the others were looked at.
    await change('app.ts', `${appSource(hello)}\n// changed`, again)
    expect(child.text.slice(from).match(/.* changed: starting again/g)).toEqual(['app.ts changed: starting again'])
  })
  test.each(['SIGINT', 'SIGTERM'] as const)('ends the app and itself with 0 on %s', async (signal) => {
    const { child } = dev({ 'app.ts': appSource(hello) })
    const url = await child.url()
    child.process.kill(signal)
    expect(await child.exit).toEqual({ code: 0, signal: null })
    await expect(fetch(`${url}/hello`)).rejects.toThrow()
  })
  test('ends while it waits for a change', async () => {
    const { child } = dev({ 'app.ts': 'throw new Error("broken")' })
    await child.says(/waiting for a change/)
    child.process.kill('SIGINT')
    expect((await child.exit).code).toBe(0)
  })
  test('leaves no app behind when it is killed', async () => {
    const { child } = dev({ 'app.ts': appSource(hello) })
    const url = await child.url()
    child.process.kill('SIGKILL')
    // The pipes close when the last process that has them has ended.
    expect((await child.exit).signal).toBe('SIGKILL')
    await expect(fetch(`${url}/hello`)).rejects.toThrow()
  })
})
