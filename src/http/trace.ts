import { randomBytes } from 'node:crypto'

/** Where a request stands in a trace of several services (W3C Trace Context). */
export interface Trace {
  /** 32 hexadecimal digits. */
  id: string
  /** What to send on, and back: the same trace, a span of our own, the flags that came. */
  traceparent: string
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const zeros = /^0+$/

/** Undefined for a header field that is not there or not valid, which is to be ignored (W3C Trace Context, 3.2). */
export function continueTrace(traceparent: string | undefined): Trace | undefined {
  const parts = traceparent === undefined ? null : pattern.exec(traceparent)
  if (!parts) return undefined
  const [, version, id, span, flags, more] = parts
  if (version === 'ff' || (version === '00' && more !== undefined) || zeros.test(id!) || zeros.test(span!))
    return undefined
  return { id: id!, traceparent: `00-${id}-${randomBytes(8).toString('hex')}-${flags}` }
}
