// Reads what strace wrote of a server: which bytes it gave to which file, what it asked to have on disk, and which answers
// left. A line's number is the time; a call lasts from the line where it begins to the line where it returns.
import { readFileSync } from 'node:fs'
import path from 'node:path'

interface Lasting {
  start: number
  end: number
}

export type TraceEvent = Lasting &
  (
    | { kind: 'create' | 'remove' | 'folder'; path: string }
    | { kind: 'rename'; path: string; to: string }
    | { kind: 'write'; path: string; offset: number; data: Buffer }
    | { kind: 'truncate'; path: string; size: number }
    | { kind: 'sync'; path: string; failed: boolean }
    /** The first bytes of an answer left. */
    | { kind: 'answer'; status: number; request: string }
  )

export interface Trace {
  events: TraceEvent[]
  lines: number
}

/**
 * Bytes of a trace at most: a server that spins would fill the disk with it within minutes. Those of the campaigns have up
 * to two hundred megabytes, and are read as one string, which can have 512.
 */
export const longestTrace = 400 * 1024 ** 2

/** Bytes of each string that are kept. SQLite writes pages of 4,096; more is in answers, and in files of no concern. */
const longestString = 8192

const calls = [
  ...['openat', 'creat', 'mkdir', 'unlink', 'unlinkat', 'rename', 'renameat', 'renameat2', 'ftruncate', 'truncate'],
  ...[
    'write',
    'writev',
    'pwrite64',
    'pwritev',
    'pwritev2',
    'sendmsg',
    'sendto',
    'fallocate',
    'copy_file_range',
    'sendfile',
  ],
  ...['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'msync'],
]

/**
 * The command under which a server writes its trace to a file. Paths and bytes are hexadecimal, so nothing is escaped.
 *
 * However it ends, the trace does: the system lets no file of it grow beyond the limit (`prlimit`), and kills the server
 * when who started it has ended (`setpriv`; strace is its child for that, not its parent).
 *
 * @param injected calls that fail, as strace has them: `fsync,fdatasync:error=EIO:when=3+`
 */
export function traced(file: string, injected: string[] = [], most = longestTrace): string[] {
  const bounds = ['prlimit', `--fsize=${most}`, '--core=0', '--', 'setpriv', '--pdeathsig', 'KILL', '--']
  const options = ['-D', '-f', '--seccomp-bpf', '-qq', '-y', '-xx', '-s', String(longestString), '-e', 'signal=none']
  // What was read is not looked at.
  const unread = ['-e', 'raw=pread64']
  const watched = [...calls, ...injected.flatMap((what) => what.slice(0, what.indexOf(':')).split(','))]
  return [
    ...bounds,
    'strace',
    ...options,
    ...unread,
    '-o',
    file,
    '-e',
    `trace=${watched.join()}`,
    ...injected.flatMap((what) => ['-e', `inject=${what}`]),
    '--',
  ]
}

/** @param folder what lies outside it is left out, answers aside */
export function readTrace(file: string, folder: string): Trace {
  const events: TraceEvent[] = []
  const begun = new Map<string, { text: string; start: number }>()
  const lines = readFileSync(file, 'latin1').split('\n')
  for (const [at, line] of lines.entries()) {
    const [, process, text] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (!process || !text) continue
    const unfinished = / <unfinished \.\.\.>$/.exec(text)
    if (unfinished) {
      begun.set(process, { text: text.slice(0, unfinished.index), start: at })
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(text)
    const before = resumed ? begun.get(process) : undefined
    const call = before ? before.text + text.slice(resumed![0].length) : text
    const event = readCall(call, folder)
    if (event) events.push({ ...event, start: before?.start ?? at, end: at } as TraceEvent)
  }
  for (const { text, start } of begun.values()) {
    // A call during which the process was killed: what it gave may be there, what it asked for is not.
    const event = readCall(`${text}) = ?`, folder)
    if (event && event.kind !== 'sync') events.push({ ...event, start, end: Number.POSITIVE_INFINITY } as TraceEvent)
  }
  events.sort((one, other) => one.start - other.start)
  return { events, lines: lines.length }
}

type Event = TraceEvent extends infer E ? (E extends Lasting ? Omit<E, 'start' | 'end'> : never) : never

function readCall(text: string, folder: string): Event | undefined {
  const [, name, args, result] = /^(\w+)\((.*)\) += (\S+)/s.exec(text) ?? []
  if (!name || args === undefined || result === undefined) return undefined
  const failed = result.startsWith('-')
  const target = /^(?:\w+)<([^>]*)>/.exec(args)
  const file = target ? decode(target[1]!).toString() : undefined
  if (name === 'fsync' || name === 'fdatasync')
    return file && isInside(file, folder) ? { kind: 'sync', path: file, failed } : undefined
  if (failed) return undefined
  if (/^(write|writev|sendmsg|sendto)$/.test(name) && file && /^(socket|TCP|TCPv6):/.test(file)) return readAnswer(args)
  if (/^(openat|creat|mkdir|unlink|unlinkat|rename|renameat|renameat2)$/.test(name))
    return readEntry(name, args, folder)
  if (!file || !isInside(file, folder)) return undefined
  if (name === 'pwrite64') {
    const [, text, cut] = /"([^"]*)"(\.\.\.)?/.exec(args)!
    if (cut) throw new Error(`${name} on ${file} is longer than the trace keeps`)
    const data = decode(text!)
    const written = result === '?' ? data.length : Number(result)
    return { kind: 'write', path: file, offset: Number(/(\d+)$/.exec(args)![1]), data: data.subarray(0, written) }
  }
  if (name === 'ftruncate') return { kind: 'truncate', path: file, size: Number(/(\d+)$/.exec(args)![1]) }
  if (name === 'pread64') return undefined
  // Rather stop than rebuild a file without something that was done to it. The shared memory file is not durable anyway.
  if (file.endsWith('-shm')) return undefined
  throw new Error(`${name} on ${file} is not understood`)
}

function readEntry(name: string, args: string, folder: string): Event | undefined {
  const paths = [...args.matchAll(/"([^"]*)"/g)].map(([, text]) => path.resolve(folder, decode(text!).toString()))
  const [first, second] = paths
  if (!first || !isInside(first, folder)) return undefined
  if (name === 'mkdir') return { kind: 'folder', path: first }
  if (name.startsWith('unlink')) return { kind: 'remove', path: first }
  if (name.startsWith('rename')) return { kind: 'rename', path: first, to: second! }
  return /O_CREAT/.test(args) || name === 'creat' ? { kind: 'create', path: first } : undefined
}

function readAnswer(args: string): Event | undefined {
  const text = [...args.matchAll(/"([^"]*)"/g)].map(([, part]) => decode(part!).toString('latin1')).join('')
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
  const request = /\r\nx-request-id: ([^\r]*)/i.exec(text)?.[1]
  return status && request ? { kind: 'answer', status: Number(status), request } : undefined
}

function decode(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}

function isInside(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`)
}
