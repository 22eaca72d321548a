import { type Diagnostics, diagnostic, type Logger } from '../observe/index.ts'
import type { SqliteOptions } from '../storage/index.ts'
import { exitCodes } from './exit-code.ts'

type Report<Name extends 'onScan' | 'onWal'> = Parameters<NonNullable<SqliteOptions[Name]>>[0]

export const tableScanned = diagnostic<Report<'onScan'>>('storage.scan', 'warn', ({ table, suggestion }) => {
  const help = suggestion ? `an index would help: ${suggestion}` : 'no index would plainly help'
  return `A query reads the whole table ${table} to find or sort its rows; ${help}`
})

export const walGrown = diagnostic<Report<'onWal'>>('storage.wal', 'warn', ({ bytes, overLimit }) => {
  const then = overLimit ? 'snapshots older than a second are ended' : 'a read that stays open holds it back'
  return `The write-ahead log has ${Math.round(bytes / 1024 ** 2)} MiB: ${then}`
})

/** What the storage engine tells, as diagnostics and log lines. */
export function storageReports(
  diagnostics: Diagnostics,
  log: Logger,
): Pick<SqliteOptions, 'onScan' | 'onWal' | 'onFatal'> {
  return {
    onScan: (report) => diagnostics.on(tableScanned) && diagnostics.emit(tableScanned, report),
    onWal: (report) => diagnostics.on(walGrown) && diagnostics.emit(walGrown, report),
    onFatal(error) {
      log.fatal('The disk failed and the process ends at once, because what is on disk is unknown', { error })
      log.flush()
      process.exit(exitCodes.disk)
    },
  }
}
