import type { Command } from './command.ts'
import { completionScript, type Shell } from './completion.ts'

/** @param commands what is completed: all commands, this one too */
export function completionCommand(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'Print what makes a shell complete monobloc.',
    operands: [
      {
        name: 'shell',
        help: 'Whose script.',
        choices: {
          bash: 'eval "$(monobloc completion bash)" in ~/.bashrc',
          zsh: 'eval "$(monobloc completion zsh)" in ~/.zshrc, after compinit',
          fish: 'monobloc completion fish > ~/.config/fish/completions/monobloc.fish',
        },
      },
    ],
    takesApp: false,
    about: `Prints a script that completes commands, their words, options and files. With --json: { shell, script }.`,
    options: {},
    exits: {},
    async run({ json }, _app, { out }, [shell]) {
      const script = completionScript(shell as Shell, commands())
      out(json ? `${JSON.stringify({ shell, script }, null, 2)}\n` : script)
      return 0
    },
  }
}
