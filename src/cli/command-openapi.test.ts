import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { appSource, Child, command, folderWith, hello, users } from '../../test/api/child-app.ts'

async function openapi(folder: string, ...args: string[]) {
  const child = new Child([command, 'openapi', ...args], { folder })
  const { code } = await child.exit
  return { code, out: child.out, err: child.err }
}

test('prints the document that the app serves, and opens nothing', async () => {
  const source = appSource(`${hello}, ${users.serve}`, `version: '1.2.3'`, users.before)
  const folder = folderWith({ 'app.ts': source })
  const { code, out, err } = await openapi(folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^\{\n {2}"openapi"/)
  expect((await openapi(folder, '--json')).out).toBe(`${JSON.stringify(JSON.parse(out))}\n`)
  expect(readdirSync(folder)).toEqual(['app.ts'])
  const app = new Child([command, 'dev', '--port=0'], { folder })
  expect(await (await fetch(`${await app.url()}/openapi.json`)).json()).toEqual(JSON.parse(out))
})
test('describes an app that does not serve it, and one that lacks its secret', async () => {
  const source = appSource(`${hello}, ${users.serve}`, 'reference: false', users.before)
  const child = new Child([command, 'openapi'], {
    folder: folderWith({ 'app.ts': source }),
    env: { NODE_ENV: 'production' },
  })
  expect((await child.exit).code, child.err).toBe(0)
  expect(Object.keys(JSON.parse(child.out).paths)).toEqual(['/hello', '/me'])
})
test('of several versions prints the one that is named, else the newest', async () => {
  const folder = folderWith({ 'app.ts': appSource(hello, `versions: { known: ['1', '2'] }`) })
  expect(JSON.parse((await openapi(folder)).out).info.version).toBe('2')
  expect(JSON.parse((await openapi(folder, '--api=1')).out).info.version).toBe('1')
  expect(await openapi(folder, '--api=3')).toMatchObject({ code: 78, out: '' })
  const plain = folderWith({ 'app.ts': appSource(hello) })
  expect((await openapi(plain, '--api=1')).err).toContain('has no versions')
})
