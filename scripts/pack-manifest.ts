// What is published is the package, not the repository: before `npm pack` and `npm publish`, package.json loses what only
// this repository uses; afterwards it is put back. A run that was killed in between leaves package.json.orig behind, and
// the next one starts from it.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const manifestPath = path.join(import.meta.dirname, '..', 'package.json')
const savedPath = `${manifestPath}.orig`

/** Fields that mean something in the repository only. */
const repositoryFields = ['scripts', 'devDependencies', 'workspaces', 'allowScripts']

function publishedManifest(manifest: Record<string, unknown>): Record<string, unknown> {
  const published = Object.fromEntries(Object.entries(manifest).filter(([field]) => !repositoryFields.includes(field)))
  published.exports = withoutSource(manifest.exports as object)
  return published
}

/** The condition `source` points into src/, which is not published. */
function withoutSource(exports: object): object {
  return Object.fromEntries(
    Object.entries(exports)
      .filter(([condition]) => condition !== 'source')
      .map(([name, target]) => [name, typeof target === 'object' ? withoutSource(target) : target]),
  )
}

function restore(): void {
  if (existsSync(savedPath)) renameSync(savedPath, manifestPath)
}

function strip(): void {
  restore()
  const text = readFileSync(manifestPath, 'utf8')
  writeFileSync(savedPath, text)
  writeFileSync(manifestPath, `${JSON.stringify(publishedManifest(JSON.parse(text)), null, 2)}\n`)
}

if (process.argv[2] === 'restore') restore()
else strip()
