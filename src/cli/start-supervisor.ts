import { fileURLToPath } from 'node:url'
import { createLogger } from '../observe/index.ts'
import { type Config, Supervisor, wantsColour } from '../runtime/index.ts'

export interface SupervisedApp {
  /** Absolute. */
  file: string
  /** The working folder. */
  folder: string
  processes: number
  /** What is known without the app. */
  config: Config
}

/** @returns the exit code, when it has ended */
export async function superviseApp({ file, folder, processes, config }: SupervisedApp): Promise<number> {
  const log = await createLogger({ level: config.logLevel, format: config.logFormat, colour: wantsColour() })
  // A terminal takes what comes; into a pipe or a file, lines of several processes go whole.
  const onLines = process.stdout.isTTY ? undefined : (lines: Buffer) => void process.stdout.write(lines)
  const supervisor = new Supervisor({
    // The bundler sees this very expression and makes the file an entry of its own.
    program: fileURLToPath(new URL('./start-worker.ts', import.meta.url)),
    args: [file, folder],
    environment: process.env,
    processes,
    log: log.child({ supervisor: true }),
    onLines,
  })
  process.on('SIGINT', () => supervisor.stop('SIGINT'))
  process.on('SIGTERM', () => supervisor.stop('SIGTERM'))
  process.on('SIGHUP', () => supervisor.reload())
  const code = await supervisor.run()
  log.flush()
  return code
}
