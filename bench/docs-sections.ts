import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The parts of docs/benchmarks.md that runs of their own write, in the order in which they stand behind the first. */
const titles = ['On PostgreSQL', 'Cached reads', 'Jobs', 'Against the field'] as const
export type SectionTitle = (typeof titles)[number]

const file = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

/** Writes the first part, and leaves the others as they are. */
export function writeFirstSection(text: string): void {
  writeFileSync(file, joined(text, sectionsIn(readFileSync(file, 'utf8')).others))
}

/** Writes one of the others. @param text what stands under its title */
export function writeSection(title: SectionTitle, text: string): void {
  const { first, others } = sectionsIn(readFileSync(file, 'utf8'))
  writeFileSync(file, joined(first, others.set(title, text)))
}

function sectionsIn(page: string): { first: string; others: Map<SectionTitle, string> } {
  const found = titles
    .map((title) => ({ title, mark: `\n## ${title}\n`, at: page.indexOf(`\n## ${title}\n`) }))
    .filter(({ at }) => at >= 0)
    .toSorted((one, other) => one.at - other.at)
  const others = found.map(({ title, mark, at }, index): [SectionTitle, string] => [
    title,
    page.slice(at + mark.length, found[index + 1]?.at),
  ])
  return { first: page.slice(0, found[0]?.at), others: new Map(others) }
}

function joined(first: string, others: ReadonlyMap<SectionTitle, string>): string {
  const parts = titles.flatMap((title) => {
    const text = others.get(title)
    return text === undefined ? [] : [`## ${title}\n\n${text.trim()}`]
  })
  return `${[first.trim(), ...parts].join('\n\n')}\n`
}
