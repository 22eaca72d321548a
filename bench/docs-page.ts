import type { BenchOptions } from './bench-options.ts'
import type { Results } from './results.ts'

export function docsPage(_results: Results, _options: BenchOptions): string {
  return ''
}
