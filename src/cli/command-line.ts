import { parseArgs } from 'node:util'
import { didYouMean } from '../errors.ts'
import type { Command, Operand, OptionSpec, OptionValues } from './command.ts'

export type CommandLine =
  | { kind: 'run'; command: Command; options: OptionValues; words: string[]; app: string | undefined }
  | { kind: 'help'; command: Command | undefined }
  | { kind: 'version' }
  | { kind: 'wrong'; problem: string; command: Command | undefined }

/** What every command takes. */
export const everywhere: Record<string, OptionSpec> = {
  json: { type: 'boolean', help: 'Print JSON, for programs.' },
  help: { type: 'boolean', help: 'Print this help.' },
  version: { type: 'boolean', help: 'Print the version.' },
}
const shortNames: Record<string, string> = { h: 'help', v: 'version' }

class Wrong extends Error {}

/** Understands the arguments after the program's name. Nothing is run, and nothing is guessed: a typo gets a suggestion. */
export function parseCommandLine(args: string[], commands: readonly Command[]): CommandLine {
  const name = args.find((arg) => !arg.startsWith('-'))
  const command = commands.find((known) => known.name === name)
  try {
    if (name !== undefined && name !== 'help' && !command) {
      throw new Wrong(`There is no command ${JSON.stringify(name)}${didYouMean(name, commands.map(nameOf))}`)
    }
    const { options, positionals } = readOptions(args, { ...command?.options, ...everywhere })
    if (options.version) return { kind: 'version' }
    if (name === 'help') return { kind: 'help', command: commands.find((each) => each.name === positionals[1]) }
    if (options.help || !command) return { kind: 'help', command }
    const { words, app } = readWords(command, positionals.slice(1))
    checkOnly(command, options, words[0])
    return { kind: 'run', command, options, words, app }
  } catch (error) {
    if (error instanceof Wrong) return { kind: 'wrong', problem: error.message, command }
    throw error
  }
}

const nameOf = ({ name }: { name: string }) => name

function readOptions(args: string[], known: Record<string, OptionSpec>) {
  const { tokens } = parseArgs({ args, options: known, strict: false, allowPositionals: true, tokens: true })
  const options: OptionValues = {}
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const option = shortNames[token.name] ?? token.name
    const { rawName } = token
    const spec = known[option]
    const names = Object.keys(known).map((each) => `--${each}`)
    if (!spec) throw new Wrong(`There is no option ${rawName}${didYouMean(rawName, names)}`)
    if (spec.type === 'string' && !token.value) throw new Wrong(`${rawName} needs a value: --${option}=${spec.value}`)
    if (spec.type === 'boolean' && token.value !== undefined) throw new Wrong(`${rawName} takes no value`)
    if (spec.choices && !spec.choices.includes(token.value!)) {
      throw new Wrong(`${rawName} is one of ${spec.choices.join(', ')}`)
    }
    options[option] = token.value ?? true
  }
  return { options, positionals }
}

/** Operands first, then the app. */
function readWords(command: Command, given: string[]): { words: string[]; app: string | undefined } {
  const left = [...given]
  const words: string[] = []
  for (const operand of command.operands ?? []) {
    if (operand.optional && (left.length === 0 || (command.takesApp && isProgram(left[0]!)))) break
    words.push(checked(command, operand, left.shift()))
  }
  const app = command.takesApp ? left.shift() : undefined
  if (left.length > 0) throw new Wrong(`${command.name} does not take ${JSON.stringify(left[0])}`)
  return { words, app }
}

function checked(command: Command, { name, choices }: Operand, word: string | undefined): string {
  const possible = choices && Object.keys(choices)
  if (word === undefined) {
    throw new Wrong(`${command.name} needs ${possible ? `one of ${possible.join(', ')}` : `<${name}>`}`)
  }
  if (possible && !possible.includes(word)) {
    const suggestion = didYouMean(word, possible) || ` (it is one of ${possible.join(', ')})`
    throw new Wrong(`${command.name} does not take ${JSON.stringify(word)}${suggestion}`)
  }
  return word
}

/** `app.ts`, but not `select * from "a.ts"`. */
function isProgram(word: string): boolean {
  return /^\S+\.[cm]?[jt]sx?$/.test(word)
}

function checkOnly(command: Command, options: OptionValues, verb: string | undefined): void {
  for (const option of Object.keys(options)) {
    const only = command.options[option]?.only
    if (only && !only.includes(verb!)) throw new Wrong(`--${option} is for ${only.join(' and ')}`)
  }
}
