import type { OptionValues } from './command.ts'

/** `--port`, `--host` and `--json` are the settings PORT, HOST and MONOBLOC_LOG_FORMAT, said on the command line. */
export function setRunOptions({ port, host, json }: OptionValues, environment: NodeJS.ProcessEnv = process.env): void {
  if (typeof port === 'string') environment.PORT = port
  if (typeof host === 'string') environment.HOST = host
  if (json) environment.MONOBLOC_LOG_FORMAT = 'json'
}
