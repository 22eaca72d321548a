// The program that the campaign of effects attacks, in few files: a process then starts in two thirds of the time, and what
// somebody edits meanwhile is not half in it.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Plugin, rolldown } from 'rolldown'
import { atEnd } from '../campaign/at-end.ts'

const root = path.join(import.meta.dirname, '../..')

let bundled: Promise<string> | undefined

/** The bundled program, made with the first call. It is gone when this process ends. */
export function effectsProgram(): Promise<string> {
  bundled ??= bundle()
  return bundled
}

async function bundle(): Promise<string> {
  const folder = path.join(root, `build/faults-${process.pid}`)
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const build = await rolldown({
    cwd: root,
    input: { main: path.join(import.meta.dirname, 'effects-process.ts') },
    platform: 'node',
    resolve: { conditionNames: ['source', 'node', 'import', 'default'] },
    external: [/^pg(\/|$)/, /^pg-native$/, /^sanitize-html$/, /^express$/],
    plugins: [namedFiles()],
  })
  await build.write({ dir: folder, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' })
  return path.join(folder, 'main.js')
}

/** `new URL('./reader-process.ts', import.meta.url)` names a file of its own: a program becomes an entry, another stays where it is. */
function namedFiles(): Plugin {
  const pattern = /new URL\('(\.{1,2}\/[\w./-]+)\.(ts|js|css)', import\.meta\.url\)/g
  return {
    name: 'named-files',
    transform(code, id) {
      if (!code.includes('import.meta.url') || id.includes('node_modules')) return null
      return code.replaceAll(pattern, (_, file: string, extension: string) => {
        const source = path.resolve(path.dirname(id), `${file}.${extension}`)
        if (extension !== 'ts') return `new URL(${JSON.stringify(pathToFileURL(source).href)})`
        const fileName = `${path.relative(root, source).replaceAll('/', '-').slice(0, -2)}js`
        this.emitFile({ type: 'chunk', id: source, fileName })
        return `new URL('./${fileName}', import.meta.url)`
      })
    },
  }
}
