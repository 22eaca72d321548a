import { parseArgs } from 'node:util'
import { didYouMean } from '../runtime/index.ts'
import type { Command, OptionSpec, OptionValues } from './command.ts'

export type CommandLine =
  | { kind: 'run'; command: Command; options: OptionValues; app: string | undefined }
  | { kind: 'help'; command: Command | undefined }
  | { kind: 'version' }
  | { kind: 'wrong'; problem: string; command: Command | undefined }

const everywhere: Record<string, OptionSpec & { short?: string }> = {
  help: { type: 'boolean', help: 'Print this help.' },
  version: { type: 'boolean', help: 'Print the version.' },
}
const shortNames: Record<string, string> = { h: 'help', v: 'version' }

/** Understands the arguments after the program's name. Nothing is run, and nothing is guessed: a typo gets a suggestion. */
export function parseCommandLine(args: string[], commands: readonly Command[]): CommandLine {
  const name = args.find((arg) => !arg.startsWith('-'))
  const command = commands.find((known) => known.name === name)
  const wrong = (problem: string): CommandLine => ({ kind: 'wrong', problem, command })
  if (name !== undefined && name !== 'help' && !command) {
    const names = commands.map((known) => known.name)
    return wrong(`There is no command ${JSON.stringify(name)}${didYouMean(name, names)}`)
  }
  const known = { ...command?.options, ...everywhere }
  const { tokens } = parseArgs({ args, options: known, strict: false, allowPositionals: true, tokens: true })
  const options: OptionValues = {}
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const option = shortNames[token.name] ?? token.name
    const spec = known[option]
    if (!spec) {
      return wrong(
        `There is no option ${token.rawName}${didYouMean(
          token.rawName,
          Object.keys(known).map((each) => `--${each}`),
        )}`,
      )
    }
    if (spec.type === 'string' && !token.value)
      return wrong(`${token.rawName} needs a value: --${option}=${spec.value}`)
    if (spec.type === 'boolean' && token.value !== undefined) return wrong(`${token.rawName} takes no value`)
    options[option] = token.value ?? true
  }
  if (options.version) return { kind: 'version' }
  if (name === 'help') return { kind: 'help', command: commands.find((each) => each.name === positionals[1]) }
  if (options.help || !command) return { kind: 'help', command }
  const [, app, ...more] = positionals
  if (more.length > 0 || (app !== undefined && !command.takesApp)) {
    return wrong(`${command.name} does not take ${JSON.stringify(command.takesApp ? more[0] : app)}`)
  }
  return { kind: 'run', command, options, app }
}
