import { openApiOf, optionsOf, programs } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'

export const openapiCommand: Command = {
  name: 'openapi',
  summary: 'Print the OpenAPI document.',
  takesApp: true,
  about: `Prints what /openapi.json answers, also of an app that does not serve it. Nothing is started and no database is
opened. The same app gives the same text, so that it can be kept in git and compared. With --json: on one line.`,
  options: {
    api: { type: 'string', value: 'version', help: 'Of an API with several versions: which. Default: the newest.' },
  },
  exits: {},
  async run({ json, api }, file, { folder, out }) {
    programs().inspecting = true
    const { app } = await loadApp(file, folder, process.env.NODE_ENV === 'production' ? 'production' : 'development')
    const { config } = app.inspect({ folder })
    // What is missing to run it, such as a secret, is not missing to describe it.
    const bodyLimit = config instanceof Error ? undefined : config.bodyLimit
    const document = await openApiOf(optionsOf(app), { bodyLimit, version: api as string | undefined })
    out(`${JSON.stringify(document, null, json ? 0 : 2)}\n`)
    return 0
  },
}
