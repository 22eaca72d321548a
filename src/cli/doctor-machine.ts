import { once } from 'node:events'
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { type Finding, fail, ok, type Patient, warn } from './doctor-check.ts'

const recommendedNode = 26
const neededNode = 24

export function checkNode(version = process.versions.node): Finding[] {
  const major = Number.parseInt(version, 10)
  if (major < neededNode) return [fail('node', `Node.js ${version}`, `Install Node.js ${recommendedNode}.`)]
  if (major % 2 === 1)
    return [warn('node', `Node.js ${version}, a line without long-term support`, `Use Node.js ${recommendedNode}.`)]
  return [ok('node', `Node.js ${version}`)]
}

// No clock of a machine that runs this can show an earlier date; one that does has lost its battery or its time server.
const released = Date.UTC(2026, 10, 1)

// Clocks of two machines differ by seconds; a file from later than this was written under another clock.
const allowedSkew = 5 * 60_000

export function checkClock({ config }: Patient, now = Date.now()): Finding[] {
  const remedy = 'Set the clock, and keep it right with a time service: ids, tokens and the log depend on it.'
  const shown = new Date(now).toISOString()
  if (now < released) return [fail('clock', `It is ${shown} by this machine`, remedy)]
  const { database } = config
  const file = 'file' in database && statSync(database.file, { throwIfNoEntry: false })
  const written = file ? file.mtimeMs : 0
  if (written > now + allowedSkew) {
    return [fail('clock', `It is ${shown}, and the database was written at ${new Date(written).toISOString()}`, remedy)]
  }
  return [ok('clock', shown)]
}

export function checkDataFolder({ config: { data } }: Patient): Finding[] {
  const existing = nearestExisting(data)
  const remedy = `Give the user that runs the app the right to write there, or choose another folder with MONOBLOC_DATA.`
  if (!statSync(existing).isDirectory()) return [fail('data', `${existing} is not a folder`, remedy)]
  try {
    accessSync(existing, constants.W_OK | constants.X_OK)
  } catch {
    return [fail('data', `${existing} is not writable`, remedy)]
  }
  return [ok('data', existing === data ? data : `${data} (made at the first start)`)]
}

const mib = 1024 ** 2

// Below the first, a burst of writes and the copy that a backup makes may not find room; below the second, the log of
// one busy minute.
const roomWanted = 1024 * mib
const roomNeeded = 100 * mib

export function checkDisk({ config: { data } }: Patient): Finding[] {
  const { bavail, bsize } = statfsSync(nearestExisting(data))
  const free = bavail * bsize
  const found = `${Math.round(free / mib)} MiB free where ${data} is`
  const remedy = 'Free space on that disk, or choose another with MONOBLOC_DATA.'
  if (free < roomNeeded) return [fail('disk', found, remedy)]
  return [free < roomWanted ? warn('disk', found, remedy) : ok('disk', found)]
}

export async function checkPort({ config: { port, host } }: Patient): Promise<Finding[]> {
  if (port === 0) return [ok('port', 'any free one')]
  const server = net.createServer()
  try {
    server.listen({ port, host })
    await once(server, 'listening')
    return [ok('port', `${host}:${port} is free`)]
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // It may well be this app, running.
    if (code === 'EADDRINUSE') {
      return [
        warn('port', `${host}:${port} is taken`, 'Fine if this app is what runs there; else choose another with PORT.'),
      ]
    }
    return [fail('port', `${host}:${port} can't be listened on (${code})`, 'Choose another with PORT or HOST.')]
  } finally {
    server.close()
  }
}

function nearestExisting(folder: string): string {
  return existsSync(folder) ? folder : nearestExisting(path.dirname(folder))
}
