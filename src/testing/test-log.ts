import type { LogDestination } from '../observe/index.ts'

/** One line of the log, as it would be written. */
export interface TestLogLine {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  message: string
  time: string
  [field: string]: unknown
}

/** Keeps every line; errors are also written to standard error, where whoever runs the tests sees their stack. */
export function keepLog(lines: TestLogLine[]): LogDestination {
  return {
    write(text) {
      const line = JSON.parse(text) as TestLogLine
      lines.push(line)
      if (line.level === 'error' || line.level === 'fatal') process.stderr.write(text)
    },
  }
}
