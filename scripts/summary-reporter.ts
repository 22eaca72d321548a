import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/** How many tests really ran. A file that did not load and an error outside any test each count as one failure. */
interface Counts {
  passed: number
  failed: number
  skipped: number
}

/**
 * Ends a run with `N passed, N failed` (and `, N skipped` if any), for people and for machines that read the last line.
 * With CI set a skip fails the run: there, what a test needs must be installed. What a shared suite leaves out for one engine
 * is no skip: its name ends with `(excused: why)`. The same line goes to the file that MONOBLOC_TEST_SUMMARY names, because
 * npm may print after us.
 */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = countTests(modules)
    counts.failed += unhandledErrors.length
    const line = summaryLine(counts)
    if (process.env.CI && counts.skipped > 0) {
      process.exitCode = 1
      console.error(
        `${skippedNames(modules).join('\n')}\nCI is set: a skipped test is a failure, install what it names.`,
      )
    }
    if (process.env.MONOBLOC_TEST_SUMMARY) writeFileSync(process.env.MONOBLOC_TEST_SUMMARY, `${line}\n`)
    // The default reporter prints its own end in this same hook; ours must be the last line.
    process.on('exit', () => process.stdout.write(`${line}\n`))
  }
}

export function summaryLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

const isExcused = (name: string) => / \(excused: .+\)$/.test(name)

function countTests(modules: readonly TestModule[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    let failedInside = 0
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') counts.passed++
      else if (state === 'skipped') counts.skipped += isExcused(test.name) ? 0 : 1
      else failedInside++
    }
    // A hook or an import that threw fails its file without failing a test.
    if (failedInside === 0 && module.state() === 'failed') failedInside = 1
    counts.failed += failedInside
  }
  return counts
}

function skippedNames(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    [...module.children.allTests('skipped')]
      .filter(({ name }) => !isExcused(name))
      .map((test) => {
        const result = test.result()
        const note = result.state === 'skipped' && result.note ? ` (${result.note})` : ''
        return `skipped: ${module.relativeModuleId} > ${test.fullName}${note}`
      }),
  )
}
