import { constants, realpathSync, statSync } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import path from 'node:path'
import { MonoblocError } from '../errors.ts'
import type { Encoding } from './encoding.ts'
import { namesOf } from './static-path.ts'

/** An open file of a folder, to be read or closed by whoever has it. */
export interface OpenFile {
  readonly file: FileHandle
  readonly size: number
  /** In milliseconds. */
  readonly modified: number
  readonly tag: string
  /** It was changed so lately that it may have changed again since, with the same date (RFC 9110, 8.8.1). */
  readonly fresh: boolean
  /** Where it really is. */
  readonly path: string
  readonly encoding: Encoding | undefined
}

// Not followed, since what `realpath` has given has no links left; and not waited for, should it be a pipe.
const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const endings: Record<Encoding, string> = { zstd: '.zst', br: '.br', gzip: '.gz' }
// Longer than the coarsest clock of a file system.
const settled = 2000

/** A folder whose files are served, and nothing beside it: links that lead out of it lead nowhere. */
export class StaticFolder {
  readonly #folder: string
  #real: string

  /**
   * @param hint what to say beside it when there is no such folder
   * @throws MonoblocError `definition_invalid` when there is none
   */
  constructor(folder: string, hint = '') {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new MonoblocError('definition_invalid', { detail: `backend({ static }): ${folder} is no folder.${hint}` })
    this.#folder = folder
    this.#real = realpathSync(folder)
  }

  /** Opens the file of these names. `folder` where it is one, undefined where nothing is. */
  async open(names: readonly string[]): Promise<OpenFile | 'folder' | undefined> {
    let real: string
    try {
      real = await realpath(path.join(this.#folder, ...names))
    } catch (error) {
      return absent(error)
    }
    return (await this.#holds(real)) ? openFile(real) : undefined
  }

  /** What a build has put beside a file: the same, encoded. One that is older is not of this file any more. */
  async openEncoded(of: OpenFile, encodings: readonly Encoding[]): Promise<OpenFile | undefined> {
    for (const encoding of encodings) {
      const found = await openFile(of.path + endings[encoding], encoding)
      if (found === undefined || found === 'folder') continue
      if (Math.floor(found.modified / 1000) >= Math.floor(of.modified / 1000)) return found
      await found.file.close()
    }
    return undefined
  }

  async #holds(real: string): Promise<boolean> {
    if (isWithin(this.#real, real)) return true
    // The folder may itself be a link, which a deployment has turned to the next release.
    this.#real = await realpath(this.#folder)
    return isWithin(this.#real, real)
  }
}

function isWithin(folder: string, file: string): boolean {
  const rest = path.relative(folder, file)
  // A link must lead to nothing that could not be asked for by its own name.
  return rest === '' || (!path.isAbsolute(rest) && namesOf(rest.replaceAll(path.sep, '/')) !== undefined)
}

async function openFile(real: string, encoding?: Encoding): Promise<OpenFile | 'folder' | undefined> {
  let file: FileHandle
  try {
    file = await open(real, flags)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EISDIR' ? 'folder' : absent(error)
  }
  const facts = await file.stat({ bigint: true })
  if (!facts.isFile()) {
    await file.close()
    return facts.isDirectory() ? 'folder' : undefined
  }
  const modified = Number(facts.mtimeMs)
  const tag = `${facts.mtimeNs.toString(36)}-${facts.size.toString(36)}${encoding ? `--${encoding}` : ''}`
  const fresh = Date.now() - modified < settled
  return { file, size: Number(facts.size), modified, tag, fresh, path: real, encoding }
}

const absences = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'EINVAL'])

/** What can't be reached is not there, for whoever asks. Anything else, such as a disk that fails, is our fault. */
function absent(error: unknown): undefined {
  if (!absences.has((error as NodeJS.ErrnoException).code ?? '')) throw error
}
