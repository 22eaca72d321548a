import { readFileSync } from 'node:fs'

/** The version of this package, whether it runs from src/cli or from dist. */
export function packageVersion(): string {
  for (const candidate of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8'))
      if (name === 'monobloc') return version
    } catch {
      // Not there: the other one is.
    }
  }
  return 'unknown'
}
