import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { MonoblocError } from '../errors.ts'

/** Gives every address of a name, or none. */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>

/**
 * Asks the name servers themselves: names of the hosts file and search domains, which mean something on this network
 * only, are not looked at. It needs no thread, where the system's own look-up would hold one of Node's four for as long as
 * a name server keeps it waiting.
 */
export const resolveName: Resolve = async (name, signal) => {
  if (isIP(name) !== 0) return [name]
  // RFC 6761: these are never asked for.
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1']
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const answers = await Promise.all([asked(resolver.resolve4(name)), asked(resolver.resolve6(name))])
    return answers.flat()
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

// A name may have addresses of one family only; then asking for the other fails.
const nothingThere = new Set(['ENODATA', 'ENOTFOUND', 'EBADNAME', 'EBADRESP'])

async function asked(answer: Promise<string[]>): Promise<string[]> {
  try {
    return await answer
  } catch (error) {
    if (nothingThere.has((error as NodeJS.ErrnoException).code ?? '')) return []
    throw new MonoblocError('egress_failed', { detail: 'Its name could not be looked up.', cause: error })
  }
}
