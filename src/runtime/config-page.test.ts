import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { folderWith } from '../../test/api/child-app.ts'
import { loadConfig } from './config.ts'
import { environmentFiles } from './config-environment.ts'

const page = readFileSync(path.join(import.meta.dirname, '../../docs/configuration.md'), 'utf8')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )

test('docs/configuration.md lists every setting with its default', () => {
  const folder = folderWith({})
  const { told } = loadConfig({ environment: {}, folder, terminal: false })
  const defaults = Object.fromEntries(
    told.map(({ name, value }) => [name, value.replace(path.join(folder, 'data/'), '')]),
  )
  expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(defaults).sort())
  for (const [name, , value] of rows) {
    if (name === 'MONOBLOC_SECRET') continue
    expect(value!.split(' ')[0], name).toBe(defaults[name!])
  }
})

test('docs/configuration.md names the option that says the same', () => {
  const addresses = { port: -1, host: ' ', database: ':memory:', directDatabase: 'x' }
  const wrong = { ...addresses, logLevel: 'x', logFormat: 'x', bodyLimit: 0, drain: -1, cache: -1, jobs: 'x' }
  const options = Object.fromEntries(rows.filter(([, option]) => option).map(([name, option]) => [option!, name!]))
  try {
    loadConfig({ environment: {}, options: wrong as never, folder: folderWith({}) })
    expect.unreachable()
  } catch (error) {
    const { violations } = error as { violations: { path: string[]; message: string }[] }
    const told = violations.map(({ path: [name], message }) => [/backend\(\{ (\w+) \}\)/.exec(message)![1], name])
    expect({ ...Object.fromEntries(told), data: 'MONOBLOC_DATA' }).toEqual(options)
  }
})

test('docs/configuration.md lists the files in their order', () => {
  const order = ['.env.{mode}', '.env.local', '.env'].map((file) => page.indexOf(`\`${file}\``))
  expect(order).toEqual([...order].sort((a, b) => a - b))
  expect(order).not.toContain(-1)
  expect(environmentFiles('production')).toEqual(['.env.production', '.env.local', '.env'])
})
