import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'rolldown/utils'
import { expect, test } from 'vitest'

// A change of what the package exports is a decision: it shows in the diff of public-exports.snap.
// After one, run `npm test -- test/structure -u`.

const root = path.join(import.meta.dirname, '../..')

test('the names that the package exports are those of public-exports.snap', async () => {
  const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const sections = Object.entries<{ source?: string }>(exports)
    .filter(([, target]) => target.source)
    .map(([subpath, target]) => {
      const names = exportedNames(readFileSync(path.join(root, target.source!), 'utf8'))
      return `${path.posix.join('monobloc', subpath)}\n${names.map((name) => `  ${name}\n`).join('')}`
    })
  await expect(sections.join('\n')).toMatchFileSnapshot('public-exports.snap')
})

test('a name that comes in by export * is refused, because the list could not show it', () => {
  expect(
    exportedNames("export { b, type A } from './a.ts'\nexport const c = 1\nexport type { D } from './d.ts'"),
  ).toEqual(['b', 'c', 'type A', 'type D'])
  expect(() => exportedNames("export * from './a.ts'")).toThrow('export *')
})

function exportedNames(text: string): string[] {
  return parseSync('index.ts', text)
    .module.staticExports.flatMap((statement) => statement.entries)
    .map(({ exportName, isType }) => {
      if (!exportName.name) throw new Error('a door of the package lists its names: no export *')
      return `${isType ? 'type ' : ''}${exportName.name}`
    })
    .sort()
}
