import type { Terminal } from './command.ts'

export interface ProgressOptions {
  write: (text: string) => void
  /** Whether a line can be drawn anew. */
  live: boolean
}

const barWidth = 24

/** Draws at most once for each percent (a tenth, where lines can't be drawn anew), so callers may report each row. */
export function progressOn({ write, live }: ProgressOptions): Terminal['progress'] {
  const parts = live ? 100 : 10
  return (label, total) => {
    let drawn = -1
    return (done) => {
      const part = total > 0 ? Math.floor((Math.min(done, total) / total) * parts) : parts
      if (part <= drawn) return
      drawn = part
      const percent = `${(part * 100) / parts}%`.padStart(4)
      if (!live) return write(`${label} ${percent}\n`)
      const filled = Math.round((part / parts) * barWidth)
      write(
        `\r\x1b[2K${label} ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${percent}${part === parts ? '\n' : ''}`,
      )
    }
  }
}
