import type { OptionValues } from './command.ts'

/** `--port`, `--host`, `--processes` and `--json` are the settings PORT, HOST, MONOBLOC_PROCESSES and MONOBLOC_LOG_FORMAT, said on the command line. */
export function setRunOptions(
  { port, host, processes, json }: OptionValues,
  environment: NodeJS.ProcessEnv = process.env,
): void {
  if (typeof port === 'string') environment.PORT = port
  if (typeof host === 'string') environment.HOST = host
  if (typeof processes === 'string') environment.MONOBLOC_PROCESSES = processes
  if (json) environment.MONOBLOC_LOG_FORMAT = 'json'
}
