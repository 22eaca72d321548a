import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { manifest, packageName } from './manifest.ts'

/** The name that the template has in place of the app's. */
const placeholder = 'my-app'

// npm leaves these out of a package under their own names, or takes them as its own.
const renamed: Record<string, string> = { gitignore: '.gitignore', 'env.example': '.env.example' }

// An editor or `git init` may have been first.
const harmless = new Set(['.git', '.gitkeep', '.idea', '.vscode', '.DS_Store'])

/** What stands in the way of an app in this folder, as a sentence. */
export function obstacle(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined
  if (!statSync(folder).isDirectory()) return `${folder} is a file.`
  const there = readdirSync(folder).filter((name) => !harmless.has(name))
  if (there.length === 0) return undefined
  return `${folder} has something in it (${there.slice(0, 3).join(', ')}${there.length > 3 ? ', …' : ''}): name a new folder.`
}

/**
 * Writes an app.
 *
 * @param monobloc what package.json says: a version or a tarball
 * @returns the files, relative to the folder
 */
export function scaffold(folder: string, monobloc: string): string[] {
  const template = path.join(import.meta.dirname, '../template')
  const name = packageName(path.basename(folder))
  const files = readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(template, path.join(entry.parentPath, entry.name)))
  const texts = new Map(files.map((file) => [target(file), readFileSync(path.join(template, file), 'utf8')]))
  texts.set('package.json', `${JSON.stringify(manifest(placeholder, monobloc), null, 2)}\n`)
  for (const [file, text] of texts) {
    const full = path.join(folder, file)
    mkdirSync(path.dirname(full), { recursive: true })
    writeFileSync(full, text.replaceAll(placeholder, name))
  }
  return [...texts.keys()].sort()
}

function target(file: string): string {
  const base = path.basename(file)
  return path.join(path.dirname(file), renamed[base] ?? base)
}
