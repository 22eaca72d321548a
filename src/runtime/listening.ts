import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { MonoblocError } from '../errors.ts'

export interface Address {
  /** What to open: loopback where it listens on every address. Without a slash at the end. */
  url: string
  host: string
  port: number
  /** The port that was asked for: 0 for any free one. */
  askedFor: number
}

/**
 * Listens.
 *
 * @throws MonoblocError `port_taken` when another program listens there, `listen_refused` for everything else
 */
export async function listenOn(server: Server, port: number, host: string): Promise<Address> {
  try {
    server.listen({ port, host })
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, port, host)
  }
  const actual = (server.address() as AddressInfo).port
  return { url: `http://${openable(host)}:${actual}`, host, port: actual, askedFor: port }
}

/**
 * Sees that a port is free, for whoever has much to do before it listens there.
 *
 * @throws MonoblocError `port_taken`, `listen_refused`
 */
export async function checkPort(port: number, host: string): Promise<void> {
  if (port === 0) return
  const server = createServer()
  await listenOn(server, port, host)
  server.close()
  await once(server, 'close')
}

function openable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): MonoblocError {
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return new MonoblocError('port_taken', {
        detail: `Another program listens on ${where}.`,
        cause: error,
      })
    case 'EACCES':
      return new MonoblocError('listen_refused', {
        detail: `This user may not listen on ${where}; ports below 1024 need a right of their own on most machines.`,
        cause: error,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new MonoblocError('listen_refused', {
        detail: `HOST=${host} is no address of this machine (${error.code}). 127.0.0.1 is for this machine alone, 0.0.0.0 for every network.`,
        cause: error,
      })
    default:
      return new MonoblocError('listen_refused', { detail: `${where}: ${error.message}`, cause: error })
  }
}
