import { describe, expect, test } from 'vitest'
import { Diagnostics, diagnostic } from './diagnostics.ts'
import { logDiagnostics } from './diagnostics-log.ts'
import { createLogger, type LogLevel } from './log.ts'

const opened = diagnostic<{ file: string }>('test.opened', 'debug', ({ file }) => `opened ${file}`)
const answered = diagnostic<{ status: number }>(
  'test.answered',
  ({ status }) => (status >= 500 ? 'error' : 'debug'),
  'answered',
)

describe('diagnostics', () => {
  test('are off until someone subscribes, and off again afterwards', () => {
    const diagnostics = new Diagnostics()
    const seen: unknown[] = []
    expect(diagnostics.on(opened)).toBe(false)
    diagnostics.emit(opened, { file: 'before' })
    const end = diagnostics.subscribe((kind, event) => seen.push([kind.name, event]))
    expect(diagnostics.on(opened)).toBe(true)
    diagnostics.emit(opened, { file: 'a' })
    end()
    expect(diagnostics.on(opened)).toBe(false)
    diagnostics.emit(opened, { file: 'after' })
    expect(seen).toEqual([['test.opened', { file: 'a' }]])
  })
  test('reach only who wants them, and only within their own backend', () => {
    const diagnostics = new Diagnostics()
    const all: string[] = []
    const some: string[] = []
    diagnostics.subscribe((kind) => all.push(kind.name))
    diagnostics.subscribe(
      (kind) => some.push(kind.name),
      (kind) => kind === answered,
    )
    diagnostics.emit(opened, { file: 'a' })
    diagnostics.emit(answered, { status: 200 })
    new Diagnostics().emit(answered, { status: 200 })
    expect(all).toEqual(['test.opened', 'test.answered'])
    expect(some).toEqual(['test.answered'])
  })
})

describe('diagnostics in the log', () => {
  async function logged(level: LogLevel) {
    const lines: Record<string, unknown>[] = []
    const diagnostics = new Diagnostics()
    logDiagnostics(
      diagnostics,
      await createLogger({ level, destination: { write: (line) => lines.push(JSON.parse(line)) } }),
    )
    return { diagnostics, lines }
  }
  test('are lines with their sentence, name and fields', async () => {
    const { diagnostics, lines } = await logged('debug')
    diagnostics.emit(opened, { file: 'a' })
    diagnostics.emit(answered, { status: 503 })
    expect(lines).toMatchObject([
      { level: 'debug', message: 'opened a', event: 'test.opened', file: 'a' },
      { level: 'error', message: 'answered', event: 'test.answered', status: 503 },
    ])
  })
  test('stay off below the level of the log', async () => {
    const { diagnostics, lines } = await logged('info')
    expect(diagnostics.on(opened)).toBe(false)
    diagnostics.emit(answered, { status: 200 })
    diagnostics.emit(answered, { status: 500 })
    expect(lines).toHaveLength(1)
    expect((await logged('silent')).diagnostics.on(answered)).toBe(false)
  })
})
