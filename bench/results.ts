import type { ColdStart } from './cold-start.ts'
import type { Disturbed } from './disturbed.ts'
import type { LogShare } from './log-share.ts'
import { type Measurement, type Row, rowsOf } from './measurement.ts'

/** Everything that one run found. */
export interface Results {
  measurements: readonly Measurement[]
  rows: readonly Row[]
  coldStarts: readonly ColdStart[]
  disturbed: readonly Disturbed[]
  logShares: readonly LogShare[]
}

export function resultsOf(
  measurements: readonly Measurement[],
  coldStarts: readonly ColdStart[],
  disturbed: readonly Disturbed[],
  logShares: readonly LogShare[],
): Results {
  return { measurements, rows: rowsOf(measurements), coldStarts, disturbed, logShares }
}

/** What `--json` writes. */
export function jsonOf({ rows, coldStarts, disturbed, logShares }: Results): string {
  return `${JSON.stringify([...rows, ...coldStarts, ...disturbed, ...logShares], null, 2)}\n`
}
