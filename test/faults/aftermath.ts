import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Acknowledged } from './acknowledged.ts'
import { checkDatabase } from './check.ts'
import { answeredAt, losePower } from './power-loss.ts'
import type { Random } from './random.ts'
import { Server } from './server.ts'
import type { Trace } from './trace.ts'

/**
 * What is left by a server that ended after its disk had failed: the files as they are, the same after another start, and
 * what would be left of them if the power failed now.
 *
 * @param disk the folder that the trace is of
 * @param scratch an empty one
 */
export async function checkAftermath(
  file: string,
  ledger: Acknowledged,
  { trace, disk, scratch, random }: { trace: Trace; disk: string; scratch: string; random: Random },
): Promise<string[]> {
  mkdirSync(scratch)
  losePower(trace, trace.lines, 'synced', random, disk, scratch)
  const certain = await checkDatabase(
    path.join(scratch, path.relative(disk, file)),
    ledger.when(answeredAt(trace, trace.lines)),
  )
  const there = await checkDatabase(file, ledger)
  const restarted = await checkRestart(file, ledger)
  return [...certain.map((text) => `from synced bytes: ${text}`), ...there, ...restarted]
}

/** A server starts from the files, and leaves there what it found. */
export async function checkRestart(file: string, ledger: Acknowledged): Promise<string[]> {
  const server = Server.spawn({ database: file })
  const port = await server.listening()
  const { code } = await server.stop()
  const problems = port === null || code !== 0 ? [`it does not start and stop again: ${server.output}`] : []
  return [...problems, ...(await checkDatabase(file, ledger)).map((text) => `after another start: ${text}`)]
}
