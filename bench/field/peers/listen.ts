import type { AddressInfo, Server } from 'node:net'

/** The database of this server. */
export const file = process.argv[2]!

export function ready(port: number): void {
  process.send!({ port })
  process.on('disconnect', () => process.exit())
  process.on('SIGTERM', () => process.exit())
}

export const readyAt = (server: Server) => () => ready((server.address() as AddressInfo).port)
