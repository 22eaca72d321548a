// Watches the folder of an app for changes of what a program is made of.
//
// One watcher a folder, made by hand: Node's recursive watching looks into node_modules and data too, which can mean tens
// of thousands of watches. A folder that appears is watched, one that goes takes its watcher with it.
import { existsSync, type FSWatcher, readdirSync, statSync, watch } from 'node:fs'
import path from 'node:path'

/** A change of another file (an upload, a log, a database) restarts nothing. */
const sources = /\.(ts|mts|cts|tsx|js|mjs|cjs|jsx|json|html|css|sql|graphql|ya?ml)$|^\.env(\.[\w-]+)?$/

const ignoredFolders = new Set(['node_modules', 'bower_components', 'coverage'])

export interface SourceWatcher {
  /** Also watches files outside the folder, such as those that the app imports. Known ones are skipped. */
  add(files: readonly string[]): void
  close(): void
}

export interface WatchOptions {
  /** The app's folder, watched with what is below it. */
  folder: string
  /** Single files, such as `.env` of the working folder; they need not exist. */
  files: readonly string[]
  /** Folders that are not looked into: the data folder. Absolute. */
  ignore: readonly string[]
  /** Called once for each burst of changes, with the first file's path. */
  onChange: (file: string) => void
}

// An editor writes a file in several steps, and a formatter or a checkout writes many: all within this time are one.
const burst = 40

export function watchSources({ folder, files, ignore, onChange }: WatchOptions): SourceWatcher {
  const watchers = new Map<string, FSWatcher>()
  const singles = new Map<string, Set<string>>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function changed(file: string): void {
    timer ??= setTimeout(() => {
      timer = undefined
      if (!closed) onChange(file)
    }, burst)
  }

  function watchFolder(target: string, onEvent: (name: string) => void): void {
    try {
      const watcher = watch(target, (_, name) => name && onEvent(name))
      watcher.on('error', () => forget(target))
      watchers.set(target, watcher)
    } catch {
      // Gone again, or not readable: nothing of the app can be loaded from it either.
    }
  }

  function forget(target: string): void {
    watchers.get(target)?.close()
    watchers.delete(target)
  }

  /** @param appeared the folder is new: what is in it already has come with it */
  function watchTree(target: string, appeared: boolean): void {
    if (watchers.has(target)) return
    watchFolder(target, (name) => {
      const full = path.join(target, name)
      if (!existsSync(target)) forget(target)
      else if (isFolder(full)) follow(target, name, true)
      else if (sources.test(name)) changed(full)
    })
    if (!watchers.has(target)) return
    for (const entry of readdirSync(target, { withFileTypes: true })) {
      if (entry.isDirectory()) follow(target, entry.name, appeared)
      else if (appeared && sources.test(entry.name)) changed(path.join(target, entry.name))
    }
  }

  function follow(parent: string, name: string, appeared: boolean): void {
    const full = path.join(parent, name)
    if (!name.startsWith('.') && !ignoredFolders.has(name) && !ignore.includes(full)) watchTree(full, appeared)
  }

  function add(more: readonly string[]): void {
    for (const file of more) {
      const parent = path.dirname(file)
      const known = singles.get(parent)
      if (known) known.add(path.basename(file))
      else if (!watchers.has(parent)) {
        const names = new Set([path.basename(file)])
        singles.set(parent, names)
        watchFolder(parent, (name) => names.has(name) && changed(path.join(parent, name)))
      }
    }
  }

  watchTree(folder, false)
  add(files)
  return {
    add,
    close() {
      closed = true
      clearTimeout(timer)
      for (const target of [...watchers.keys()]) forget(target)
    },
  }
}

function isFolder(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false
}
