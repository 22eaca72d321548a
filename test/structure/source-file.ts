import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'rolldown/utils'

/** One TypeScript file as the structure checks see it. Paths are relative to the repository, with `/`. */
export interface SourceFile {
  path: string
  lines: number
  imports: Import[]
  functions: FunctionSize[]
  hasDefaultExport: boolean
}

export interface Import {
  specifier: string
  /**
   * False for `import type` and `export type`, which vanish. `import { type A }` keeps the import itself at run time
   * (verbatimModuleSyntax), so it is a value import. So is `import()`.
   */
  value: boolean
}

export interface FunctionSize {
  name: string
  line: number
  lines: number
}

interface Node {
  type: string
  start: number
  end: number
  [key: string]: unknown
}

const root = path.join(import.meta.dirname, '../..')

/** Every TypeScript file under a folder of the repository. */
export function readTree(folder: string): SourceFile[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?ts$/.test(name))
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/')))
    .sort()
    .map((file) => parseFile(file, readFileSync(path.join(root, file), 'utf8')))
}

export function parseFile(file: string, text: string): SourceFile {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)]
  const lineAt = (offset: number) => lineStarts.findLastIndex((start) => start <= offset) + 1
  const source: SourceFile = {
    path: file,
    lines: text.replace(/\n$/, '').split('\n').length,
    imports: [],
    functions: [],
    hasDefaultExport: false,
  }
  visit(program as unknown as Node, 'module', (node, name) => {
    const found = importOf(node)
    if (found) source.imports.push(found)
    if (isDefaultExport(node)) source.hasDefaultExport = true
    if (/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) {
      const line = lineAt(node.start)
      source.functions.push({ name, line, lines: lineAt(node.end) - line + 1 })
    }
  })
  return source
}

function visit(node: Node, name: string, enter: (node: Node, name: string) => void): void {
  const named = nameOf(node) ?? name
  enter(node, named)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') visit(child, named, enter)
    }
  }
}

function nameOf(node: Node): string | undefined {
  const identifier = (node.id ?? (/Property|MethodDefinition/.test(node.type) ? node.key : undefined)) as
    | Node
    | undefined
  return typeof identifier?.name === 'string' ? identifier.name : undefined
}

function importOf(node: Node): Import | undefined {
  const specifier = ((node.source ?? node.argument) as { value?: unknown } | null | undefined)?.value
  if (typeof specifier !== 'string') return undefined
  switch (node.type) {
    case 'ImportDeclaration':
      return { specifier, value: node.importKind !== 'type' }
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      return { specifier, value: node.exportKind !== 'type' }
    case 'ImportExpression':
      return { specifier, value: true }
    case 'TSImportType':
      return { specifier, value: false }
    default:
      return undefined
  }
}

function isDefaultExport(node: Node): boolean {
  if (node.type === 'ExportDefaultDeclaration') return true
  return node.type === 'ExportSpecifier' && (node.exported as Node).name === 'default'
}

/** The file that a relative specifier names; nothing for a package. */
export function resolveImport(from: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(from.path), specifier) : undefined
}

/** Unit tests sit beside their file and are no part of the package. */
export function isTest(file: SourceFile): boolean {
  return /\.test\.ts$/.test(file.path)
}
