// The secret that signs tokens. Where it comes from:
//   MONOBLOC_SECRET            any mode
//   <data>/secret              when the app says `keepSecret: true`: made once, for its owner's eyes only
//   random                     development and test: for this process, or for one `monobloc dev`; what it signed is void
//                              after that
// Production without either is refused: a made-up secret there would end every session with each deployment, and differ
// between two processes that must accept each other's tokens.
import { randomBytes } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Mode } from './config-environment.ts'
import type { Parsed } from './config-value.ts'

/** HS256 wants a key as long as its hash (RFC 7518, section 3.2). */
export const secretBytes = 32

// Random text of 32 bytes has some 20 different characters; this many can't come from a generator.
const fewestCharacters = 8

export const makeSecret = `node -p "crypto.randomBytes(${secretBytes}).toString('base64url')"`

/** By which `monobloc dev` gives all its runs the same random secret. Weaker than every other, and only in development. */
export const sessionSecret = 'MONOBLOC_SESSION_SECRET'

export interface SecretOptions {
  given: string | undefined
  session?: string
  keepSecret: boolean
  mode: Mode
  /** The data folder, absolute. Made when the secret is to be kept in it. */
  data: string
}

export interface Secret {
  value: string
  from: 'environment' | 'file' | 'random'
}

export function resolveSecret({ given, session, keepSecret, mode, data }: SecretOptions): Parsed<Secret> {
  if (given !== undefined) {
    const problem = weakness(given)
    return problem ? { problem } : { value: { value: given, from: 'environment' } }
  }
  if (keepSecret) return keptSecret(path.join(data, 'secret'))
  if (mode !== 'production') return { value: { value: session ?? newSecret(), from: 'random' } }
  return { problem: `is missing. Production needs a secret that all its processes share; make one with: ${makeSecret}` }
}

function weakness(secret: string): string | undefined {
  const bytes = Buffer.byteLength(secret)
  if (bytes < secretBytes) {
    return `has ${bytes} bytes and needs at least ${secretBytes}; make one with: ${makeSecret}`
  }
  const characters = new Set(secret).size
  if (characters < fewestCharacters) {
    return `has only ${characters} different characters; make a random one with: ${makeSecret}`
  }
  return undefined
}

/** Two processes may start at once on an empty folder: the link is made by one of them, whole, and both read it. */
function keptSecret(file: string): Parsed<Secret> {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    const mine = `${file}.${process.pid}`
    try {
      readFileSync(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      writeFileSync(mine, newSecret(), { mode: 0o600 })
      chmodSync(mine, 0o600)
      try {
        linkSync(mine, file)
      } catch (taken) {
        if ((taken as NodeJS.ErrnoException).code !== 'EEXIST') throw taken
      } finally {
        unlinkSync(mine)
      }
    }
    return checkedFile(file)
  } catch (error) {
    return { problem: `can't be kept in ${file}: ${(error as Error).message}` }
  }
}

function checkedFile(file: string): Parsed<Secret> {
  // Windows has no such bits: everything reads as 0666 there.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    return { problem: `is kept in ${file}, which others than its owner may use; run: chmod 600 ${file}` }
  }
  const value = readFileSync(file, 'utf8').trim()
  const problem = weakness(value)
  return problem ? { problem: `is kept in ${file} and ${problem}` } : { value: { value, from: 'file' } }
}

function newSecret(): string {
  return randomBytes(secretBytes).toString('base64url')
}
