import type { Why, WhyNode } from '../effects/index.ts'
import type { painter } from '../runtime/index.ts'

type Paint = ReturnType<typeof painter>

/** What belongs together, as a tree for people. */
export function whyReport({ nodes, truncated, traces }: Why, paint: Paint): string {
  const lines = nodes.flatMap((node) => [lineOf(node, paint), ...below(node, '', paint)])
  const traced = `${paint('dim', `trace ${traces[0]}${traces.length > 1 ? ` and ${traces.length - 1} more` : ''}`)}`
  const more = truncated ? [paint('yellow', 'There is more than is shown.')] : []
  return `${[traced, ...lines, ...more].join('\n')}\n`
}

function below({ children }: WhyNode, indent: string, paint: Paint): string[] {
  return children.flatMap((child, at) => {
    const isLast = at === children.length - 1
    const line = `${paint('dim', `${indent}${isLast ? '└─ ' : '├─ '}`)}${lineOf(child, paint)}`
    return [line, ...below(child, `${indent}${isLast ? '   ' : '│  '}`, paint)]
  })
}

const good = new Set(['committed', 'done', 'run', 'manual', 'delivered'])
const bad = new Set(['failed', 'failing', 'lost'])

function lineOf(node: WhyNode, paint: Paint): string {
  const { kind, id, name, at, outcome, error } = node
  const style =
    outcome !== null && bad.has(outcome) ? 'red' : outcome !== null && good.has(outcome) ? 'green' : 'yellow'
  const parts = [
    `${paint('bold', kind)} ${kind === 'event' || kind === 'subscriber' ? name : kind === 'job' ? `${name} ${id}` : id}`,
    kind === 'event' || at === null ? '' : paint('dim', instant(at)),
    outcome === null || outcome === 'committed' ? '' : paint(style, outcome),
    node.actor === null ? '' : `by ${node.actor}`,
    ...Object.entries(node.rows).map(([table, counts]) => `${table}: ${counted(counts)}`),
    tries(node),
    took(node),
    error === null ? '' : paint('red', oneLine(error)),
  ]
  return parts.filter(Boolean).join('  ')
}

function instant(at: Date): string {
  return at.toISOString().replace('T', ' ').replace('Z', '')
}

function counted(counts: WhyNode['rows'][string]): string {
  return Object.entries(counts)
    .map(([operation, count]) => `${count} ${operation}${count === 1 ? '' : 's'}`)
    .join(', ')
}

function tries({ attempts }: WhyNode): string {
  if (attempts === null || attempts === 0) return ''
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`
}

/** From when it was enqueued until it ended. */
function took({ at, ended }: WhyNode): string {
  if (at === null || ended === null) return ''
  const milliseconds = ended.getTime() - at.getTime()
  return milliseconds < 1000 ? `after ${milliseconds} ms` : `after ${(milliseconds / 1000).toFixed(1)} s`
}

const longest = 200

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}
