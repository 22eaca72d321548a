import type { Command } from './command.ts'
import { buildCommand } from './command-build.ts'
import { completionCommand } from './command-completion.ts'
import { dbCommand } from './command-db.ts'
import { devCommand } from './command-dev.ts'
import { doctorCommand } from './command-doctor.ts'
import { explainCommand } from './command-explain.ts'
import { indexesCommand } from './command-indexes.ts'
import { jobsCommand } from './command-jobs.ts'
import { migrateCommand } from './command-migrate.ts'
import { openapiCommand } from './command-openapi.ts'
import { resetCommand } from './command-reset.ts'
import { routesCommand } from './command-routes.ts'
import { schedulesCommand } from './command-schedules.ts'
import { seedCommand } from './command-seed.ts'
import { startCommand } from './command-start.ts'
import { subscribersCommand } from './command-subscribers.ts'
import { webhooksCommand } from './command-webhooks.ts'
import { whyCommand } from './command-why.ts'
import { workCommand } from './command-work.ts'

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  devCommand,
  startCommand,
  workCommand,
  buildCommand,
  migrateCommand,
  seedCommand,
  resetCommand,
  routesCommand,
  openapiCommand,
  explainCommand,
  indexesCommand,
  jobsCommand,
  schedulesCommand,
  webhooksCommand,
  whyCommand,
  subscribersCommand,
  dbCommand,
  doctorCommand,
  completionCommand(() => commands),
]
