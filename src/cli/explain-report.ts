import type { Explanation, painter } from '../runtime/index.ts'
import type { ExplainedStatement } from '../storage/index.ts'

type Paint = ReturnType<typeof painter>

// Below, it makes no difference how a table is read.
const smallTable = 2_000

/** It reads a table from end to end, and a large one. */
export function readsWhole({ scans, examined }: ExplainedStatement): boolean {
  return scans.length > 0 && (examined === null || examined > smallTable)
}

/** What a request comes to, for people. */
export function explainReport(explanation: Explanation, paint: Paint): string {
  const { route, user, policy, answer, runs, statements } = explanation
  const width = 11
  const line = (label: string, text: string) => `${paint('dim', label.padEnd(width))}${text}`
  const lines = [
    line(
      'route',
      `${paint('bold', `${route.method} ${route.path}`)} (${route.source}, access: ${route.access}, transaction: ${route.transaction})`,
    ),
    line('as', user === null ? 'nobody' : `user ${user}`),
    ...policy.map(({ model, action, rule }) => line('policy', `${action} ${model}: ${ruleText(rule)}`)),
    ...(answer
      ? [line('answer', answerText(answer))]
      : [line('not asked', 'it could write, and nothing is written here')]),
    ...(runs && statements.length > 0 ? [line('runs', runs)] : []),
    ...statements.flatMap((statement, at) => {
      const { sql, plan, scans } = statement
      return [
        '',
        line(`${at + 1} of ${statements.length}`, rowsText(statement)),
        ...plan.map((step) => line('', step)),
        ...scans.map(({ table, suggestion }) => {
          const help = suggestion ? `an index would help: ${suggestion}` : 'no index would plainly help'
          const text = `reads all of ${table}; ${help}`
          return line('scan', readsWhole(statement) ? paint('yellow', text) : text)
        }),
        line('', paint('dim', sql)),
      ]
    }),
  ]
  return `${lines.join('\n')}\n`
}

function ruleText(rule: unknown): string {
  if (rule === true) return 'every row'
  return rule === false ? 'no row' : JSON.stringify(rule)
}

function answerText({ status, bytes, problem }: NonNullable<Explanation['answer']>): string {
  return problem === null ? `${status}, ${number(bytes)} bytes` : `${status}: ${problem}`
}

function rowsText({ examined, returned, milliseconds, inProcess }: ExplainedStatement): string {
  const looked =
    examined === null
      ? 'over 5,000,000 rows may be'
      : `at most ${number(examined)} ${examined === 1 ? 'row is' : 'rows are'}`
  const where = inProcess ? '' : ', in a reader process'
  return `${looked} looked at, ${number(returned)} ${returned === 1 ? 'comes' : 'come'} out, ${milliseconds} ms${where}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
