import { explain, painter, programs } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { explainReport, readsWhole } from './explain-report.ts'

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Say what a route or a filter does: statements, indexes, rows, policy.',
  operands: [
    {
      name: 'route',
      help: `'GET /articles?author=x&sort=-createdAt', '/articles' (a GET), or a model with the parameters of a list:
'article?author.name=ann&include=tags'. In quotes, because of the shell.`,
    },
  ],
  takesApp: true,
  about: `Asks it once, over the database as it is, and prints the policy that applies, each statement with the indexes that it
uses, the rows that it may have to look at and those that come out, and where it runs: in the app's own process, or in a
reader process where it may take long. What could write is not asked: of it, only the route and the policy are printed.
Nothing is written, and the app's own middleware does not run. Rows looked at are an upper bound, from the plan and the
data. With --json: { route, user, policy, answer, runs, statements }.`,
  options: {
    user: { type: 'string', value: 'key', help: 'The key of the user as whom it is asked. Default: nobody.' },
  },
  exits: { 1: 'It was answered with an error, or reads a table of over 2,000 rows from end to end.' },
  async run({ json, user }, file, { folder, out, colour }, [what]) {
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, folder, mode)
    const explanation = await explain(app, what!, { folder, user: user as string | undefined })
    out(json ? `${JSON.stringify(explanation, null, 2)}\n` : explainReport(explanation, painter(colour)))
    const failed = explanation.answer !== null && explanation.answer.status >= 400
    return failed || explanation.statements.some(readsWhole) ? 1 : 0
  },
}
