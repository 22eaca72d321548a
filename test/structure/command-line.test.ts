import { expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { commandHelp, generalHelp } from '../../src/cli/help.ts'

// After a change of a command, run `npm test -- test/structure -u`: it writes docs/command-line.md.

test('docs/command-line.md says what the commands say of themselves', async () => {
  await expect(page()).toMatchFileSnapshot('../../docs/command-line.md')
})

function page(): string {
  const sections = commands.map((command) => `## ${command.name}\n\n${block(commandHelp(command, false))}`)
  return `# Command line

What \`monobloc --help\` and \`monobloc <command> --help\` print. In a project that has installed \`monobloc\` the command is
\`npx monobloc\`, and in a script of its package.json \`monobloc\` alone. This page is written from the commands by a test.

Results go to standard output, everything else to standard error. With \`--json\` the results are JSON, and an error is
\`{ "error": { code, message, remedy, violations } }\` on standard error. Colours are for terminals only, and
[NO_COLOR](https://no-color.org) turns them off. Long work shows how far it is: on a terminal in one line, elsewhere in a
line for each tenth, with \`--json\` not at all.

${block(generalHelp(commands, false))}
${sections.join('\n')}`
}

function block(text: string): string {
  return `\`\`\`text\n${text}\`\`\`\n`
}
