import type { OptionValues } from './command.ts'

/** `--port` and `--host` are the settings PORT and HOST, said on the command line. */
export function setAddress({ port, host }: OptionValues, environment: NodeJS.ProcessEnv = process.env): void {
  if (typeof port === 'string') environment.PORT = port
  if (typeof host === 'string') environment.HOST = host
}
