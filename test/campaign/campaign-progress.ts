// How far a run has come, a line for each seed that has ended, so that another run can go on from there. A crash leaves the
// seeds before the one under way.
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Campaign, CampaignResult } from './campaign.ts'

export type Result = CampaignResult & { seed: number; revision?: string }

export class Progress {
  /** Of the seeds that have ended, in the order of their numbers. */
  readonly results: Result[]
  readonly #file: string
  readonly #revision = revision()

  /** @param resume false: whatever was there is forgotten */
  constructor(
    folder: string,
    { kind, campaign, engine }: { kind: string; campaign: Campaign; engine: string },
    { seeds, resume }: { seeds: readonly number[]; resume: boolean },
  ) {
    // Whoever runs one seed again leaves alone how far all of them have come.
    this.#file = path.join(folder, `${kind}-${campaign.name}-${engine}-${seeds[0]}-${seeds.length}.progress`)
    if (!resume) this.remove()
    const wanted = new Set(seeds)
    const kept = readLines(this.#file).filter(({ seed }) => wanted.has(seed))
    this.results = kept.sort((one, other) => one.seed - other.seed)
  }

  add(result: Result): void {
    mkdirSync(path.dirname(this.#file), { recursive: true })
    appendFileSync(this.#file, `${JSON.stringify({ ...result, revision: this.#revision })}\n`)
  }

  remove(): void {
    rmSync(this.#file, { force: true })
  }
}

/** The last line may be half of one. */
function readLines(file: string): Result[] {
  const found: Result[] = []
  try {
    for (const line of readFileSync(file, 'utf8').split('\n')) if (line) found.push(JSON.parse(line))
  } catch {
    // Nothing was begun, or what was under way when a run ended runs again.
  }
  return found
}

/** The commit, and whether files differ from it. Without git there is none. */
export function revision(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}
