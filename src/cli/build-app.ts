import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { MonoblocError } from '../errors.ts'

export interface BuildOptions {
  /** The app's file, absolute. */
  file: string
  /** The working folder. */
  folder: string
  /** Where to, absolute. */
  out: string
}

export type Built = { entry: string; files: string[] } | { problems: string[] }

const typeScript = /\.[cm]?tsx?$/

/**
 * Compiles an app with the TypeScript that it has installed.
 *
 * @throws MonoblocError `dependency_missing`, `configuration_invalid`
 */
export async function buildApp({ file, folder, out }: BuildOptions): Promise<Built> {
  if (!typeScript.test(file)) return { entry: file, files: [] }
  checkPlace(file, folder, out)
  const compiler = compilerOf(file)
  const project = above(file, 'package.json') ?? folder
  const work = path.join(project, 'node_modules/.cache/monobloc-build')
  // Beside the place where it belongs, so that source maps point to the same files, and moved there when all is well.
  const fresh = `${out}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  try {
    const root = commonFolder(compiler(writeConfig(work, file), '--listFilesOnly'), file)
    const { status, lines } = compiler(writeConfig(work, file, { rootDir: root, outDir: fresh }))
    if (status !== 0) return { problems: lines }
    if (root !== project) copyOthers(root, fresh, [out, fresh])
    rmSync(out, { recursive: true, force: true })
    renameSync(fresh, out)
    const entry = path.join(
      out,
      path.relative(root, file).replace(typeScript, (end) => end.replace('t', 'j').replace('x', '')),
    )
    return { entry, files: filesIn(out) }
  } finally {
    rmSync(work, { recursive: true, force: true })
    rmSync(fresh, { recursive: true, force: true })
  }
}

/** The folder is emptied, so it must be one that nothing else is in. */
function checkPlace(file: string, folder: string, out: string): void {
  const inside = path.relative(folder, out)
  const holdsApp = !path.relative(out, file).startsWith('..')
  if (inside && !inside.startsWith('..') && !path.isAbsolute(inside) && !holdsApp) return
  throw new MonoblocError('configuration_invalid', {
    detail: `--out=${out} would be emptied: name a folder inside ${folder} that holds nothing else.`,
  })
}

type Compiler = (config: string, ...args: string[]) => { status: number | null; lines: string[] }

function compilerOf(file: string): Compiler {
  let program: string
  try {
    program = path.join(path.dirname(createRequire(file).resolve('typescript/package.json')), 'bin/tsc')
  } catch (cause) {
    throw new MonoblocError('dependency_missing', {
      detail: 'TypeScript compiles the app: npm install --save-dev typescript @types/node.',
      cause,
    })
  }
  return (config, ...args) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [program, '-p', config, '--pretty', 'false', ...args],
      {
        encoding: 'utf8',
        // Node's own flags (--conditions) are not the compiler's.
        env: { ...process.env, NODE_OPTIONS: '' },
        maxBuffer: 64 * 1024 * 1024,
      },
    )
    return { status, lines: `${stdout}${stderr}`.split('\n').filter(Boolean) }
  }
}

/** The app's own tsconfig.json, but for what is compiled and where to. */
function writeConfig(work: string, file: string, place: { rootDir?: string; outDir?: string } = {}): string {
  const own = above(file, 'tsconfig.json')
  const config = path.join(work, 'tsconfig.json')
  const compilerOptions = {
    ...(own ? {} : { target: 'es2024', module: 'nodenext', strict: true, types: ['node'] }),
    ...emit,
    ...place,
  }
  const base = own ? { extends: path.join(own, 'tsconfig.json') } : {}
  writeFileSync(config, JSON.stringify({ ...base, compilerOptions, files: [file], include: [] }))
  return config
}

const emit = {
  noEmit: false,
  noEmitOnError: true,
  emitDeclarationOnly: false,
  declaration: false,
  declarationMap: false,
  composite: false,
  incremental: false,
  sourceMap: true,
  // `./models.ts` is `./models.js` in what comes out.
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: true,
}

/** The deepest folder that holds all of the app's own files. */
function commonFolder({ lines }: { lines: string[] }, file: string): string {
  const own = lines.filter(
    (line) => path.isAbsolute(line) && !line.includes('/node_modules/') && !line.endsWith('.d.ts'),
  )
  let root = path.dirname(file)
  while (own.some((each) => path.relative(root, each).startsWith('..'))) root = path.dirname(root)
  return root
}

/** What is read at run time from beside the code: pages, SQL, JavaScript. */
function copyOthers(root: string, target: string, skip: string[]): void {
  cpSync(root, target, {
    recursive: true,
    filter: (source) => !typeScript.test(source) && !skip.includes(source) && path.basename(source) !== 'node_modules',
  })
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}

/** The nearest folder above a file that holds this file. */
function above(file: string, name: string): string | undefined {
  const folder = path.dirname(file)
  if (existsSync(path.join(folder, name))) return folder
  return folder === file ? undefined : above(folder, name)
}
