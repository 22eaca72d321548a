import { isTest, resolveImport, type SourceFile } from './source-file.ts'

/** Which rooms a room may import. `observe` and src/errors.ts are leaves that every room may import. */
const data = ['schema', 'storage', 'commit']
const served = [...data, 'effects', 'access', 'cache']
const running = [...served, 'http', 'realtime']
const allowed: Record<string, string[]> = {
  observe: [],
  schema: [],
  storage: ['schema'],
  commit: ['schema', 'storage'],
  effects: data,
  access: data,
  cache: data,
  http: served,
  realtime: served,
  runtime: running,
  operate: running,
  cli: [...running, 'runtime', 'operate'],
  testing: [...running, 'runtime', 'operate'],
  client: [...running, 'runtime'],
}

/** These import types only: what they run on is not the server. */
const typesOnly = ['client']

/** Files of no room: the table of errors, and the package's own door. */
const errors = 'src/errors.ts'
const packageDoor = 'src/index.ts'

/** What breaks the architecture's one-way dependencies, one sentence each. */
export function checkRooms(files: SourceFile[]): string[] {
  return files.filter((file) => !isTest(file)).flatMap((file) => [...placeProblems(file), ...importProblems(file)])
}

function placeProblems(file: SourceFile): string[] {
  if (file.path === errors || file.path === packageDoor) return []
  const room = roomOf(file.path)
  if (room === undefined) return [`${file.path} is in no room`]
  return room in allowed ? [] : [`${file.path}: ${room} is not a room of the architecture`]
}

function importProblems(file: SourceFile): string[] {
  return file.imports.flatMap(({ specifier, value }) => {
    const target = resolveImport(file, specifier)
    if (target === packageDoor || /^monobloc(\/|$)/.test(specifier)) {
      return [`${file.path} imports ${specifier}: nothing in src imports the package's own door`]
    }
    if (target === undefined || target === errors) return []
    const problem = edgeProblem(file.path, target, value)
    return problem ? [`${file.path} imports ${target}: ${problem}`] : []
  })
}

function edgeProblem(from: string, to: string, value: boolean): string | undefined {
  if (!to.startsWith('src/')) return 'it is outside src'
  if (from === errors) return 'the table of errors imports nothing'
  const target = roomOf(to)!
  const source = roomOf(from)
  if (source === target) return undefined
  if (to !== `src/${target}/index.ts`) return `come into ${target} by its door, src/${target}/index.ts`
  if (source === undefined || target === 'observe') return undefined
  if (!allowed[source]?.includes(target)) return `${source} may not depend on ${target}`
  if (value && typesOnly.includes(source)) return `${source} imports types only`
  return undefined
}

function roomOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1]
}
