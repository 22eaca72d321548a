import type { AddressInfo, Server } from 'node:net'

/** What a server says when it can be asked. */
export interface Ready {
  port: number
}

/** Tells the bench that the server listens, and ends with it. */
export function sayReady(port: number): void {
  process.send!({ port } satisfies Ready)
  process.on('disconnect', () => process.exit())
}

/** Listens on any free port of the loopback interface, and says so. */
export function listenAnywhere(server: Server): void {
  server.listen(0, '127.0.0.1', () => sayReady((server.address() as AddressInfo).port))
}
