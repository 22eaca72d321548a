import { resolveImport, type SourceFile } from './source-file.ts'

/** Every cycle of value imports, as `a.ts -> b.ts -> a.ts`. Each is reported once, from the file that is reached first. */
export function checkCycles(files: SourceFile[]): string[] {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter((entry) => entry.value).flatMap((entry) => resolveImport(file, entry.specifier) ?? []),
    ]),
  )
  const cycles: string[] = []
  const finished = new Set<string>()
  const walk = (file: string, trail: string[]): void => {
    const at = trail.indexOf(file)
    if (at >= 0) {
      cycles.push([...trail.slice(at), file].join(' -> '))
      return
    }
    if (finished.has(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...trail, file])
    finished.add(file)
  }
  for (const file of graph.keys()) walk(file, [])
  return cycles
}
