import { constants } from 'node:fs'
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { uuidv7 } from '../schema/index.ts'
import { endingOf } from './form-type.ts'

/** One file of a form, on disk. It is removed when the request ends, unless it is kept. */
export class UploadedFile {
  /** As the client called it, without folders and what file systems do not take: to be shown, never to be a path. */
  readonly name: string
  /** What its first bytes say that it is. */
  readonly type: string
  /** In bytes. */
  readonly size: number
  readonly #folder: string
  readonly #kept: (path: string) => void
  #path: string

  constructor(
    facts: { name: string; type: string; size: number; path: string },
    folder: string,
    kept: (path: string) => void,
  ) {
    this.name = facts.name
    this.type = facts.type
    this.size = facts.size
    this.#path = facts.path
    this.#folder = folder
    this.#kept = kept
  }

  /** Where it is now. */
  get path(): string {
    return this.#path
  }

  /**
   * Moves it into a folder, under a new name that nothing else has (`<UUIDv7>.png`), and resolves to that name when it is
   * on disk. For `prepare`: the file is there before the row that names it. A request that fails afterwards takes it back;
   * what a crash between the two leaves is a file that no row names.
   *
   * @param folder below the data folder, or absolute. It is made if need be
   */
  async keep(folder: string): Promise<string> {
    const target = path.resolve(this.#folder, folder)
    const name = uuidv7() + endingOf(this.type)
    const to = path.join(target, name)
    await mkdir(target, { recursive: true, mode: 0o700 })
    await syncPath(this.#path)
    await move(this.#path, to)
    this.#path = to
    this.#kept(to)
    await syncPath(target)
    return name
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    // Another disk: under its name only when it is whole.
    const partial = `${to}.part`
    await copyFile(from, partial, constants.COPYFILE_EXCL)
    await syncPath(partial)
    await rename(partial, to)
    await rm(from, { force: true })
  }
}

async function syncPath(name: string): Promise<void> {
  const handle = await open(name, 'r')
  await handle.sync().finally(() => handle.close())
}

const longestName = 255

/** A name to show: the last part of what a client said, in one form, without what is no text, hides or has a meaning. */
export function cleanName(given: string | undefined): string {
  const last = (given ?? '').toWellFormed().normalize('NFC').split(/[/\\]/).at(-1)!
  // Control characters, what is reserved on Windows, and what turns the direction of writing round.
  const clean = last.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>:"|?*\ufffd]/gu, '').replace(/^[\s.]+|[\s.]+$/g, '')
  const name = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(clean) ? `_${clean}` : clean
  return shortened(name) || 'file'
}

/** At most 255 bytes, which is what file systems take, with the ending kept. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= longestName) return name
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? ''
  let rest = name.slice(0, name.length - ending.length)
  while (Buffer.byteLength(rest) + ending.length > longestName) rest = [...rest].slice(0, -1).join('')
  return rest + ending
}
