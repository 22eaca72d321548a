import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'

/**
 * `production`: nothing is made up, nothing internal leaves. `development`: the same backend on a developer's machine.
 * `test`: as development, for a test runner (Vitest and others set NODE_ENV=test).
 */
export const modes = ['development', 'production', 'test'] as const
export type Mode = (typeof modes)[number]

export interface Setting {
  value: string
  /** Where it was said: `environment` or a file's name. */
  from: string
}

export interface Environment {
  settings: Map<string, Setting>
  /** What could not be read, in sentences. */
  problems: string[]
}

/** The files in which settings are looked for, the strongest first. The real environment is stronger than all. */
export function environmentFiles(mode: Mode): string[] {
  return [`.env.${mode}`, '.env.local', '.env']
}

/**
 * Settings of the real environment and of the `.env` files of a folder. The first that says a name wins: the real
 * environment, `.env.{mode}`, `.env.local`, `.env`. A name set to nothing (`PORT=`) counts as not said.
 */
export function readEnvironment(folder: string, mode: Mode, real: NodeJS.ProcessEnv): Environment {
  const settings = new Map<string, Setting>()
  const problems: string[] = []
  const add = (values: NodeJS.ProcessEnv, from: string) => {
    for (const [name, value] of Object.entries(values)) {
      if (value && !settings.has(name)) settings.set(name, { value, from })
    }
  }
  for (const [name, value] of Object.entries(real)) {
    if (value)
      settings.set(name, {
        value,
        from: exported.get(name)?.value === value ? exported.get(name)!.from : 'environment',
      })
  }
  for (const file of environmentFiles(mode)) {
    try {
      // The mode decides which files are read, so a file can't decide the mode.
      const { NODE_ENV: _ignored, ...values } = parseEnv(readFileSync(path.join(folder, file), 'utf8'))
      add(values, file)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') problems.push(`${file} can't be read: ${message}`)
    }
  }
  return { settings, problems }
}

// What was exported is part of the real environment from then on; this tells where it came from.
const exported = new Map<string, Setting>()

/** Lets code that reads `process.env` see what the files say, as `node --env-file` does. */
export function exportEnvironment({ settings }: Environment, target: NodeJS.ProcessEnv = process.env): void {
  for (const [name, setting] of settings) {
    if (setting.from === 'environment' || target[name]) continue
    target[name] = setting.value
    exported.set(name, setting)
  }
}
