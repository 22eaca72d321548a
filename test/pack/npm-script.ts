import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import { env } from './packed.ts'

const running: ChildProcess[] = []

/** Registers somebody, who writes a note and sees it. */
export async function useNotes(url: string): Promise<unknown> {
  const post = (at: string, body: object, token = '') =>
    fetch(url + at, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    })
  const { token } = (await (await post('/users', { name: 'ann', password: 'correct horse' })).json()) as {
    token: string
  }
  expect((await post('/notes', { title: 'Buy bread' }, token)).status).toBe(201)
  expect((await fetch(`${url}/notes`)).status).toBe(401)
  const list = await fetch(`${url}/notes?fields=title`, { headers: { authorization: `Bearer ${token}` } })
  return list.json()
}

export interface Serving {
  url: string
  /** Waits until it has said this after it was served. */
  says(pattern: RegExp): Promise<void>
  /** @returns all that it has said */
  stop(): Promise<string>
}

/** An npm script that serves, in a process group of its own: npm has a shell between itself and what it runs. */
export async function serve(cwd: string, args: string[], settings: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const child = spawn('npm', args, {
    cwd,
    env: { ...env, ...settings },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let text = ''
  const listeners = new Set<() => void>()
  const heard = (part: string) => {
    text += part
    for (const listener of listeners) listener()
  }
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', heard)
  const says = async (pattern: RegExp, from = 0): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(text.slice(from))
      if (match) return match
      if (child.exitCode !== null) throw new Error(`npm ${args.join(' ')} ended:\n${text}`)
      await new Promise<void>((resolve) => {
        listeners.add(resolve)
        child.once('close', resolve)
      })
    }
  }
  const [, url] = await says(/is ready at (http:\/\/[^/\s]+)\//)
  const served = text.length
  return {
    url: url!,
    says: async (pattern) => void (await says(pattern, served)),
    async stop() {
      await end(child)
      return text
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  process.kill(-child.pid!, 'SIGTERM')
  await closed
}

export async function stopAll(): Promise<void> {
  for (const child of running.splice(0)) await end(child)
}
