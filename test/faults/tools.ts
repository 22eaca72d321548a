import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { traced } from './trace.ts'

/** Why strace can't watch processes here; undefined when it can. */
export function whyNoStrace(): string | undefined {
  const missing = ['prlimit', 'setpriv', 'strace'].find((tool) => spawnSync(tool, ['--version']).error)
  if (missing) return `${missing} is not installed`
  const [command, ...args] = [...traced('/dev/null'), 'true']
  const { status, stderr } = spawnSync(command!, args, { encoding: 'utf8' })
  return status === 0 ? undefined : `strace may not watch processes: ${stderr.trim()}`
}

/** Why no small file system can be made here; undefined when one can. */
export function whyNoMount(): string | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), 'mount-'))
  try {
    mountSmall(folder, 64)
    unmount(folder)
    return undefined
  } catch (error) {
    return `tmpfs can't be mounted: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  } finally {
    rmdirSync(folder)
  }
}

/** Mounts a file system in memory that holds so many KiB. */
export function mountSmall(folder: string, kib: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'monobloc-faults', folder], { stdio: 'pipe' })
}

export function unmount(folder: string): void {
  execFileSync('umount', [folder], { stdio: 'pipe' })
}
