import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

const levelStyles: Record<string, Style> = {
  trace: 'dim',
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: ['bold', 'red'],
}

/** Told in the line itself, or the same in each. */
const apart = new Set(['level', 'time', 'message', 'pid', 'error'])

/** One JSON log line as a person reads it: local time, level, message, the other fields, an error's stack below. */
export function prettyLine(json: string, colour: boolean): string {
  const paint = (style: Style, text: string) => (colour ? styleText(style, text, { validateStream: false }) : text)
  const line = JSON.parse(json) as Record<string, unknown>
  const level = String(line.level)
  const head = [
    paint('dim', clockTime(new Date(String(line.time)))),
    paint(levelStyles[level] ?? 'reset', level.padEnd(5)),
    line.message,
  ]
  const fields = Object.entries(line)
    .filter(([key]) => !apart.has(key))
    .map(([key, value]) => paint('dim', `${key}=${shortValue(value)}`))
  const error = line.error === undefined ? [] : [indent(describeError(line.error))]
  return `${[[...head, ...fields].join(' '), ...error].join('\n')}\n`
}

function clockTime(time: Date): string {
  const part = (value: number, width = 2) => String(value).padStart(width, '0')
  return `${part(time.getHours())}:${part(time.getMinutes())}:${part(time.getSeconds())}.${part(time.getMilliseconds(), 3)}`
}

function shortValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

function describeError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { type, message, stack, cause, ...rest } = error as Record<string, unknown>
  const details = Object.entries(rest).map(([key, value]) => `${key}: ${shortValue(value)}`)
  const because = cause === undefined ? [] : [`caused by: ${describeError(cause)}`]
  return [stack ?? `${type}: ${message}`, ...details, ...because].join('\n')
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
