import path from 'node:path'
import type { SourceFile } from './source-file.ts'

/** Names that say nothing, under which a file takes in everything. */
const empty = /^(utils?|helpers?|misc|common|shared|lib)$/

/** Kebab-case files and folders, names that say something, named exports only. */
export function checkNames(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const parts = file.path.split('/')
    const base = path.posix.basename(file.path)
    const problems: string[] = []
    if (!/^[a-z\d]+(-[a-z\d]+)*(\.test|\.d)?\.[cm]?ts$/.test(base)) problems.push('is not kebab-case')
    if (!parts.slice(0, -1).every((part) => /^[a-z\d]+(-[a-z\d]+)*$/.test(part)))
      problems.push('has a folder that is not kebab-case')
    if ([...parts.slice(0, -1), base.split('.')[0]!].some((part) => empty.test(part)))
      problems.push('has a name that says nothing')
    if (file.hasDefaultExport) problems.push('has a default export')
    return problems.map((problem) => `${file.path} ${problem}`)
  })
}
