import { isTest, type SourceFile } from './source-file.ts'

export const maximumFileLines = 500
export const maximumFunctionLines = 80

/**
 * What may be larger, and why: `'src/room/file.ts'` or `'src/room/file.ts: functionName'`. An entry that is no longer
 * needed is a failure too, so that the list only says what is so.
 */
export type SizeExceptions = Record<string, string>

/**
 * Functions of tests are not measured, nor are the shared suites (`exerciseStorage`): a `describe` holds a whole table of
 * cases. Their files are.
 */
export function checkSizes(files: SourceFile[], exceptions: SizeExceptions = {}): string[] {
  const tooLarge = new Map<string, string>()
  for (const file of files) {
    if (file.lines > maximumFileLines) {
      tooLarge.set(file.path, `${file.path} has ${file.lines} lines; ${maximumFileLines} are allowed`)
    }
    if (isTest(file)) continue
    for (const { name, line, lines } of file.functions) {
      if (lines <= maximumFunctionLines || isSuite(file, name)) continue
      const message = `${file.path}:${line} ${name} has ${lines} lines; ${maximumFunctionLines} are allowed`
      tooLarge.set(`${file.path}: ${name}`, message)
    }
  }
  const unused = Object.keys(exceptions).filter((key) => !tooLarge.has(key))
  return [
    ...[...tooLarge].filter(([key]) => !exceptions[key]).map(([, message]) => message),
    ...unused.map((key) => `the exception for ${key} is not needed`),
  ]
}

function isSuite(file: SourceFile, name: string): boolean {
  return file.path.startsWith('test/') && name.startsWith('exercise')
}
