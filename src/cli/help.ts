import { exitCodes, painter } from '../runtime/index.ts'
import type { Command, Operand, OptionSpec } from './command.ts'
import { everywhere } from './command-line.ts'

/** `monobloc --help`. */
export function generalHelp(commands: readonly Command[], colour: boolean): string {
  const paint = painter(colour)
  return sections([
    `${paint('bold', 'monobloc')}: the Node.js backend cast in one piece`,
    `Usage: monobloc <command> [app] [options]`,
    rows(
      'Commands:',
      commands.map(({ name, summary }) => [paint('bold', name), summary, name.length]),
    ),
    rows('Options:', [
      ['-h, --help', 'Print this help, or with a command that command’s.'],
      ['-v, --version', 'Print the version.'],
    ]),
    appHelp,
    exitHelp({}),
  ])
}

/** `monobloc <command> --help`. */
export function commandHelp(command: Command, colour: boolean): string {
  const paint = painter(colour)
  const options = Object.entries({ ...command.options, json: everywhere.json! })
  return sections([
    `${paint('bold', `monobloc ${command.name}`)}: ${command.summary}`,
    usage(command),
    command.about,
    ...(command.operands ?? []).map(operandHelp),
    rows('Options:', [...options.map(optionHelp), ['-h, --help', 'Print this help.']]),
    ...(command.takesApp ? [appHelp] : []),
    exitHelp(command.exits),
  ])
}

function usage({ name, operands = [], takesApp }: Command): string {
  const words = operands.map((operand) => {
    const choices = Object.keys(operand.choices ?? {})
    if (operand.optional) return `[${operand.name}]`
    return choices.length > 0 ? choices.join('|') : `<${operand.name}>`
  })
  return ['Usage: monobloc', name, ...words, ...(takesApp ? ['[app]'] : []), '[options]'].join(' ')
}

function operandHelp({ name, help, choices }: Operand): string {
  return choices ? rows(`<${name}>: ${help}`, Object.entries(choices)) : `<${name}>: ${help}`
}

function optionHelp([name, { type, value, choices, only, help }]: [string, OptionSpec]): Row {
  const whole = [only ? `For ${only.join(' and ')}.` : '', help, choices ? `One of ${choices.join(', ')}.` : '']
  return [type === 'string' ? `--${name} <${value}>` : `--${name}`, whole.filter(Boolean).join(' ')]
}

type Row = [name: string, text: string, width?: number]

const appHelp = `The app is a file whose default export is a backend. Without one named: "monobloc": { "app": … } of package.json,
its "main", then app.ts, src/app.ts, app.js and src/app.js. TypeScript runs as it is.`

function exitHelp(own: Record<number, string>): string {
  const codes: Record<number, string> = {
    [exitCodes.ok]: 'It did what it was asked to, or was told to stop and finished what was under way.',
    [exitCodes.failure]: 'An error that nothing caught.',
    [exitCodes.usage]: 'The command line is not understood.',
    [exitCodes.unavailable]: 'Something is in use: the port, the database.',
    [exitCodes.disk]: 'The disk failed a write of the database. What was acknowledged is safe.',
    [exitCodes.configuration]: 'The configuration, the app or the machine must be changed first.',
    ...own,
  }
  return rows(
    'Exit codes:',
    Object.entries(codes).map(([code, text]): Row => [code, text]),
  )
}

function rows(title: string, entries: Row[]): string {
  const width = Math.max(...entries.map(([name, , length]) => length ?? name.length)) + 3
  const lines = entries.map(([name, text, length]) => `  ${name}${' '.repeat(width - (length ?? name.length))}${text}`)
  return [title, ...lines].join('\n')
}

function sections(parts: string[]): string {
  return `${parts.join('\n\n')}\n`
}
