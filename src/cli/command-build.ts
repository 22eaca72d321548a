import path from 'node:path'
import { findAppFile } from './app-file.ts'
import type { Command } from './command.ts'

export const buildCommand: Command = {
  name: 'build',
  summary: 'Compile a TypeScript app to JavaScript that runs without it.',
  takesApp: true,
  about: `Checks the types of the app and of all that it imports, and compiles them into a folder that is emptied before, with
the files beside the code that are not TypeScript, where the code has a folder of its own (src). Uses the app's own
TypeScript and tsconfig.json. What comes out needs no development dependency: monobloc start dist/app.js. When types
are wrong, nothing is written. With --json: { entry, files }, or { problems }.`,
  options: {
    out: { type: 'string', value: 'folder', help: 'Where to. Default: dist.' },
  },
  exits: { 1: 'The types are wrong.' },
  async run({ out = 'dist', json }, argument, { out: print, err, folder }) {
    const file = findAppFile(argument, folder)
    const { buildApp } = await import('./build-app.ts')
    const built = await buildApp({ file, folder, out: path.resolve(folder, String(out)) })
    if ('problems' in built) {
      if (json) print(`${JSON.stringify(built, null, 2)}\n`)
      else err(`${built.problems.join('\n')}\n`)
      return 1
    }
    const entry = path.relative(folder, built.entry)
    const files = built.files.map((each) => path.relative(folder, each))
    if (json) print(`${JSON.stringify({ entry, files }, null, 2)}\n`)
    else if (files.length === 0) print(`${entry} is JavaScript: it runs as it is.\n`)
    else print(`${files.length} files. Run it with: monobloc start ${entry}\n`)
    return 0
  },
}
