// Makes dist/: JavaScript bundled per entry with shared chunks, so that a start reads few files and what is imported
// lazily stays in a file of its own; declarations one to one from tsc; and the CommonJS door.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Plugin, rolldown } from 'rolldown'

const root = path.join(import.meta.dirname, '..')
const dist = path.join(root, 'dist')

async function bundle(): Promise<void> {
  const build = await rolldown({
    cwd: root,
    input: { ...entriesOfExports(), cli: 'src/cli/main.ts' },
    platform: 'node',
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id),
    plugins: [namedFiles(), ownKysely()],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`build: ${log.message}`)
    },
  })
  await build.write({ dir: dist, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' })
}

interface Door {
  source: string
  import: { types: string; default: string }
  require: { types: string; default: string }
}

/** The exports of package.json that are built. */
function doors(): [subpath: string, door: Door][] {
  const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  return Object.entries<Door>(exports).filter(([, target]) => target.source)
}

/** Each is an entry of the same name: `./testing` becomes dist/testing.js. */
function entriesOfExports(): Record<string, string> {
  return Object.fromEntries(
    doors().map(([subpath, { source }]) => [subpath === '.' ? 'index' : subpath.slice(2), source]),
  )
}

/**
 * `new URL('./reader-process.ts', import.meta.url)` names a file that is started as a process or a thread: it becomes an
 * entry of its own. `./reference.css` and `./reference.js` named so are sent to browsers: they are copied. All files of
 * dist lie side by side, so a relative name holds wherever the code that uses it ends up.
 */
function namedFiles(): Plugin {
  const pattern = /new URL\('(\.{1,2}\/[\w./-]+)\.(ts|js|css)', import\.meta\.url\)/g
  return {
    name: 'named-files',
    transform(code, id) {
      if (!code.includes('import.meta.url')) return null
      return code.replaceAll(pattern, (_, file: string, extension: string) => {
        const source = path.resolve(path.dirname(id), `${file}.${extension}`)
        const name = path.relative(path.join(root, 'src'), source).replaceAll('/', '-').slice(0, -extension.length)
        const fileName = name + (extension === 'ts' ? 'js' : extension)
        if (extension === 'ts') this.emitFile({ type: 'chunk', id: source, fileName })
        else this.emitFile({ type: 'asset', source: readFileSync(source, 'utf8'), fileName })
        return `new URL('./${fileName}', import.meta.url)`
      })
    },
  }
}

/**
 * Kysely in one file: to find and read its three hundred takes a process ten times as long. What an app imports of Kysely
 * itself goes with it, as its nodes are plain objects.
 */
async function kysely(): Promise<void> {
  const build = await rolldown({ cwd: root, input: 'kysely', platform: 'node' })
  const license = readFileSync(path.join(root, 'node_modules/kysely/LICENSE'), 'utf8')
  const banner = `/*! Kysely, https://kysely.dev\n\n${license.trim()}\n*/`
  await build.write({ file: path.join(dist, bundledKysely), format: 'cjs', minify: true, postBanner: banner })
}

const bundledKysely = 'kysely.cjs'

/** The package loads its own. */
function ownKysely(): Plugin {
  const call = "createRequire(import.meta.url)('kysely')"
  return {
    name: 'own-kysely',
    transform: (code) =>
      code.includes(call) ? code.replace(call, call.replace('kysely', `./${bundledKysely}`)) : null,
  }
}

function declarations(): void {
  const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
  // tsc rewrites the extension in JavaScript and leaves it in declarations, where `./model.ts` would not be found.
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.d.ts')) continue
    const file = path.join(entry.parentPath, entry.name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replaceAll(/((?:from|import) ?\(?['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2'))
  }
}

/** `require('monobloc')` gives the ES module itself (Node can, since 22.12): one instance however it is loaded. */
function commonJs(): void {
  for (const [, door] of doors()) {
    const beside = (file: string) => `./${path.basename(file).replace('.d.ts', '.js')}`
    const code = `'use strict'\nmodule.exports = require('${beside(door.import.default)}')\n`
    writeFileSync(path.join(root, door.require.default), code)
    writeFileSync(path.join(root, door.require.types), `export * from '${beside(door.import.types)}'\n`)
  }
  writeFileSync(path.join(dist, 'cli.cjs'), "'use strict'\nimport('./cli.js')\n")
}

/** packages/create-monobloc, whose one file needs nothing beside its template. */
async function createPackage(): Promise<void> {
  const folder = path.join(root, 'packages/create-monobloc')
  rmSync(path.join(folder, 'dist'), { recursive: true, force: true })
  const build = await rolldown({ cwd: folder, input: 'src/main.ts', platform: 'node' })
  await build.write({ file: path.join(folder, 'dist/main.js'), format: 'esm' })
  writeFileSync(path.join(folder, 'dist/main.cjs'), "'use strict'\nimport('./main.js')\n")
}

rmSync(dist, { recursive: true, force: true })
await bundle()
await kysely()
declarations()
commonJs()
await createPackage()
