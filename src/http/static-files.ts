import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { lookup } from 'mrmime'
import { MonoblocError } from '../errors.ts'
import { FileBody } from './answer-body.ts'
import { isCompressible, leastCompressed } from './compression.ts'
import type { RouteCors } from './cors.ts'
import { encodingsIn } from './encoding.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import type { Context, Reply } from './endpoint-types.ts'
import { httpDate } from './http-date.ts'
import { qualityOf } from './media-type.ts'
import { type OpenFile, StaticFolder } from './static-folder.ts'
import { isHashed, namesOf } from './static-path.ts'

/** Files under a path. Text or a URL is the folder. */
export type StaticMount = string | URL | StaticOptions

export interface StaticOptions {
  /** The folder: from the working folder, or as a URL, such as `new URL('./public/', import.meta.url)`. */
  from?: string | URL
  /**
   * Instead: the folder of uploaded files that `keep` was given, below the data folder. It is made if need be. Say at the
   * `file` of the form which `types` it takes: an uploaded page runs as one of yours.
   */
  kept?: string
  /**
   * The file that is shown where there is none, to whoever wants a page: for an app that makes its own paths in the
   * browser. From the folder: `index.html`.
   */
  fallback?: string
  /**
   * The `Cache-Control` of every file. Default: a year for names that hold a hash of their content, as bundlers make
   * them, and for kept files; the others are asked about each time, and answered with 304 while they have not changed.
   */
  cacheControl?: string
  /** Which pages of other origins may use them, where that is not what `backend({ cors })` says. */
  cors?: RouteCors
}

type FileContext = Context<unknown, null, Record<string, string>, unknown, undefined>

const endpoint = createEndpoint<unknown, null>()
// What is small is read at once: a stream of a few kilobytes takes longer to set up than to read.
const greatestAtOnce = 65_536

/**
 * Endpoints that serve the files of folders.
 *
 * @param mounts paths and what is there: `{ '/assets': './public' }`
 * @param data the data folder, for kept files
 * @throws MonoblocError `definition_invalid`
 */
export function staticEndpoints(
  mounts: Readonly<Record<string, StaticMount>>,
  compress: boolean | undefined,
  data = 'data',
): Endpoint[] {
  return staticRoutes(mounts).map(({ route, at, mount }) => {
    const folder = new StaticFolder(folderOf(mount, data), hintOf(mount))
    const served = endpoint(route as 'GET /', {
      anyone: true,
      transaction: false,
      reference: false,
      // Files hold no secrets of whoever asks.
      ...(compress !== false && { compress: true }),
      ...(mount.cors !== undefined && { cors: mount.cors }),
      summary: 'Files',
      handle: (context) => answerFile(context as FileContext, at, mount, folder),
    })
    return { ...served, files: true }
  })
}

/** The routes of mounts, without looking for their folders: one for what is at the path itself, one for what is below. */
export function staticRoutes(
  mounts: Readonly<Record<string, StaticMount>>,
): { route: string; at: string; mount: StaticOptions }[] {
  return Object.entries(mounts).flatMap(([at, said]) => {
    const mount = typeof said === 'string' || said instanceof URL ? { from: said } : said
    const prefix = at.replace(/\/$/, '')
    if (!/^(?:\/[\w.~-]+)*$/.test(prefix) || !at.startsWith('/')) throw invalid(`"${at}" is no path such as /assets`)
    if ((mount.from === undefined) === (mount.kept === undefined)) throw invalid(`${at}: say from or kept`)
    // The data folder itself holds the database and the secret.
    if (mount.kept !== undefined && !namesOf(mount.kept)?.length)
      throw invalid(`${at}: kept "${mount.kept}" is no folder below the data folder, such as photos`)
    if (mount.fallback !== undefined && namesOf(mount.fallback) === undefined)
      throw invalid(`${at}: fallback "${mount.fallback}" is no file in the folder, such as index.html`)
    return [prefix || '/', `${prefix}/*`].map((route) => ({ route: `GET ${route}`, at: prefix, mount }))
  })
}

// Which file of the app said it is not known here.
function hintOf({ from }: StaticOptions): string | undefined {
  if (from === undefined || from instanceof URL || from.startsWith('file:') || path.isAbsolute(from)) return undefined
  return ` "${from}" begins where the process was started; new URL("${from}", import.meta.url) begins beside the file that says it.`
}

function folderOf({ from = '', kept }: StaticOptions, data: string): string {
  if (kept !== undefined) {
    const folder = path.resolve(data, kept)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return folder
  }
  return from instanceof URL || from.startsWith('file:') ? fileURLToPath(from) : path.resolve(from)
}

async function answerFile(context: FileContext, at: string, mount: StaticOptions, folder: StaticFolder) {
  const { params, request, reply, signal } = context
  const target = request.url.split('?')[0]!
  const names = namesOf(params['*'] ?? '')
  let found = names && (await folder.open(names))
  if (names && found === 'folder') {
    const index = await folder.open([...names, 'index.html'])
    if (isFile(index) && !target.endsWith('/')) {
      await index.file.close()
      // What the page links to relatively is below it.
      const place = [at, ...names.map(encodeURIComponent)].join('/')
      reply.status(302).header('location', `${place}/${request.url.slice(target.length)}`)
      return undefined
    }
    found = index
  } else if (isFile(found) && target.endsWith('/')) {
    await found.file.close()
    found = undefined
  }
  if (!isFile(found) && mount.fallback !== undefined && wantsPage(context)) {
    found = await folder.open(namesOf(mount.fallback)!)
  }
  if (!isFile(found)) throw new MonoblocError('not_found')
  return send(context, mount, folder, found, signal)
}

async function send(
  { headers, request, reply }: FileContext,
  mount: StaticOptions,
  folder: StaticFolder,
  found: OpenFile,
  signal: AbortSignal,
) {
  const name = path.basename(found.path)
  const type = typeOf(name)
  reply.header('content-type', type)
  let sent = found
  const accept = headers['accept-encoding']
  if (accept !== undefined && found.size >= leastCompressed && isCompressible(type) && headers.range === undefined) {
    const encoded = await folder.openEncoded(found, encodingsIn(accept))
    if (encoded) {
      await found.file.close()
      reply.header('content-encoding', encoded.encoding!).header('vary', 'Accept-Encoding')
      sent = encoded
    }
  }
  // Names of kept files are never used again.
  const immutable =
    isHashed(name) || mount.kept !== undefined ? 'public, max-age=31536000, immutable' : 'public, no-cache'
  reply.header('cache-control', mount.cacheControl ?? immutable)
  sayVersion(reply, sent)
  const asks = headers['if-none-match'] ?? headers['if-modified-since']
  if (request.method === 'GET' && asks === undefined && sent.size <= greatestAtOnce) return readWhole(sent)
  // Nobody would close it any more.
  if (signal.aborted) await sent.file.close()
  signal.throwIfAborted()
  return new FileBody(sent.file, sent.size)
}

function sayVersion(reply: Reply, { fresh, tag, modified }: OpenFile): void {
  reply.header('etag', fresh ? `W/"${tag}"` : `"${tag}"`)
  // A date is whole seconds: while its second lasts, the file may change once more without its changing.
  if (!fresh) reply.header('last-modified', httpDate(modified))
}

async function readWhole({ file, size }: OpenFile): Promise<Uint8Array> {
  try {
    const bytes = await file.readFile()
    // One that was changed while it was read has another length than the one it is known by.
    return bytes.byteLength > size ? bytes.subarray(0, size) : bytes
  } finally {
    await file.close()
  }
}

function isFile(found: OpenFile | 'folder' | undefined): found is OpenFile {
  return typeof found === 'object'
}

/** Whether it is a person going somewhere, and not a script or a picture that is missing. */
function wantsPage({ headers, params }: FileContext): boolean {
  return (
    qualityOf(headers.accept ?? '', 'text/html') > 0 &&
    /text\/html/i.test(headers.accept ?? '') &&
    !/\.\w{1,8}$/.test(params['*'] ?? '')
  )
}

// What the table leaves out.
const others: Record<string, string> = { ico: 'image/vnd.microsoft.icon' }

function typeOf(name: string): string {
  const extension = path.extname(name).slice(1).toLowerCase()
  const type = lookup(extension) ?? others[extension] ?? 'application/octet-stream'
  // XML says its own encoding; everything else that is text is UTF-8 today.
  return /^text\/(?!xml)/.test(type) ? `${type}; charset=utf-8` : type
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `backend({ static }): ${detail}.` })
}
