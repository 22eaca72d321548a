import { exitCodeOf, exitCodes, startFailure, wantsColour } from '../runtime/index.ts'
import type { Command, Terminal } from './command.ts'
import { devCommand } from './command-dev.ts'
import { doctorCommand } from './command-doctor.ts'
import { parseCommandLine } from './command-line.ts'
import { routesCommand } from './command-routes.ts'
import { startCommand } from './command-start.ts'
import { commandHelp, generalHelp } from './help.ts'
import { packageVersion } from './version.ts'

const commands: readonly Command[] = [devCommand, startCommand, routesCommand, doctorCommand]

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  colour: wantsColour(),
  folder: process.cwd(),
}

/** @returns the exit code, or undefined when the process goes on and ends by itself */
async function main(args: string[]): Promise<number | undefined> {
  const line = parseCommandLine(args, commands)
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
      return line.command.run(line.options, line.app, terminal)
  }
}

try {
  const code = await main(process.argv.slice(2))
  // What the app's own code has left running must not keep a command alive that has done its work. Output first.
  if (code !== undefined) process.stdout.write('', () => process.exit(code))
} catch (error) {
  terminal.err(startFailure(error, wantsColour(process.stderr)))
  // The app's own code may have left timers and sockets behind.
  process.exit(exitCodeOf(error))
}
