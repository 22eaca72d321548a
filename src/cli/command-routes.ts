import { painter, programs, type RouteInfo } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'

export const routesCommand: Command = {
  name: 'routes',
  summary: 'List what the app serves.',
  takesApp: true,
  about: `Lists every route with its method, path, who may ask (access), its transaction, and where it comes from. Nothing
is started and no database is opened. With --json: an array of { method, path, access, transaction, source }.`,
  options: {},
  exits: {},
  async run({ json }, file, { folder, out, colour }) {
    programs().inspecting = true
    const { app } = await loadApp(file, folder, process.env.NODE_ENV === 'production' ? 'production' : 'development')
    const routes = await app.routes()
    out(json ? `${JSON.stringify(routes, null, 2)}\n` : routeTable(routes, colour))
    return 0
  },
}

const columns = ['method', 'path', 'access', 'transaction', 'source'] as const

// What fits a screen beside the address.
const mostShown = 25

/** The first routes, for the start of `monobloc dev`. */
export function shortRouteTable(routes: readonly RouteInfo[], colour: boolean): string {
  const more = routes.length > mostShown ? `… and ${routes.length - mostShown} more: monobloc routes\n` : ''
  return routeTable(routes.slice(0, mostShown), colour) + more
}

/** Routes in columns, with a head. */
export function routeTable(routes: readonly RouteInfo[], colour: boolean): string {
  const paint = painter(colour)
  const widths = columns.map((name) => Math.max(name.length, ...routes.map((route) => route[name].length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join('  ')
      .trimEnd()
  const body = routes.map((route) => line(columns.map((name) => route[name])))
  return `${[paint('dim', line(columns)), ...body].join('\n')}\n`
}
