import { exitCodeOf, exitCodes, startFailure, wantsColour } from '../runtime/index.ts'
import { parseCommandLine } from './command-line.ts'
import { commands } from './commands.ts'
import { failureJson } from './failure-json.ts'
import { commandHelp, generalHelp } from './help.ts'
import { processTerminal } from './terminal.ts'
import { packageVersion } from './version.ts'

const args = process.argv.slice(2)
const line = parseCommandLine(args, commands)
const json = line.kind === 'run' && line.options.json === true
const terminal = processTerminal(json)

/** @returns the exit code, or undefined when the process goes on and ends by itself */
async function main(): Promise<number | undefined> {
  switch (line.kind) {
    case 'version':
      terminal.out(`${packageVersion()}\n`)
      return exitCodes.ok
    case 'help':
      terminal.out(line.command ? commandHelp(line.command, terminal.colour) : generalHelp(commands, terminal.colour))
      return args.length === 0 ? exitCodes.usage : exitCodes.ok
    case 'wrong': {
      const help = line.command ? `monobloc ${line.command.name} --help` : 'monobloc --help'
      terminal.err(`${line.problem}${line.problem.endsWith('?') ? '' : '.'}\nSee: ${help}\n`)
      return exitCodes.usage
    }
    case 'run':
      return line.command.run(line.options, line.app, terminal, line.words)
  }
}

try {
  const code = await main()
  // What the app's own code has left running must not keep a command alive that has done its work. Output first.
  if (code !== undefined) process.stdout.write('', () => process.exit(code))
} catch (error) {
  terminal.err(json ? failureJson(error) : startFailure(error, wantsColour(process.stderr)))
  // The app's own code may have left timers and sockets behind.
  process.exit(exitCodeOf(error))
}
