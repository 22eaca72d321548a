import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

// Each run of a server has a folder of its own, `<host>_<process>_<random>`: what it wrote and a crash left is removed by the
// next start on the same machine at once, and by one on another (a container has another name each time) after a day.

const foreignAge = 24 * 60 * 60 * 1000

/** Those of this process. */
const live = new Set<string>()

/** Where files of requests under way are. */
export class UploadFolder {
  /** What relative folders of `keep` are below. */
  readonly base: string
  readonly #incoming: string
  readonly #own: string
  /** Requests whose files are being received. */
  open = 0

  /** @param base the data folder. Nothing is written until there is something to write */
  constructor(base: string) {
    this.base = base
    this.#incoming = path.join(base, 'incoming')
    this.#own = path.join(this.#incoming, `${hostName()}_${process.pid}_${randomUUID()}`)
  }

  /** A path for one more file. */
  async place(): Promise<string> {
    live.add(this.#own)
    // Each time: another machine takes the folder for left behind, where nothing has come for a day.
    await mkdir(this.#own, { recursive: true, mode: 0o700 })
    return path.join(this.#own, randomUUID())
  }

  /** Removes what ended processes have left. */
  async clean(): Promise<void> {
    const folders = await readdir(this.#incoming).catch(() => [])
    await Promise.all(folders.map((name) => this.#cleanOne(name)))
  }

  async #cleanOne(name: string): Promise<void> {
    const folder = path.join(this.#incoming, name)
    const [host, pid] = name.split('_')
    if (live.has(folder)) return
    if (host === hostName()) {
      // Our own number, from before: in a container it is always the same.
      if (Number(pid) !== process.pid && isAlive(Number(pid))) return
    } else {
      const facts = await stat(folder).catch(() => undefined)
      if (facts && Date.now() - facts.mtimeMs < foreignAge) return
    }
    await rm(folder, { recursive: true, force: true })
  }

  async close(): Promise<void> {
    await rm(this.#own, { recursive: true, force: true })
    live.delete(this.#own)
  }
}

function hostName(): string {
  return os.hostname().replaceAll(/[^A-Za-z0-9.-]/g, '-')
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
