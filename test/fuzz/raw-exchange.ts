import { connect } from 'node:net'

export interface RawAnswer {
  status: number
  head: string
  body: string
}

/** Sends bytes on a connection of their own and reads until it closes. Undefined when nothing came back. */
export function exchange(port: number, bytes: Buffer): Promise<RawAnswer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    // A server that refuses a body early closes while we still write: what it said is what counts.
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('close', () => resolve(parse(Buffer.concat(chunks).toString('latin1'))))
    socket.write(bytes)
  })
}

function parse(text: string): RawAnswer | undefined {
  const [head, body = ''] = text.split(/\r\n\r\n(.*)/s)
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head ?? '')?.[1]
  return status === undefined ? undefined : { status: Number(status), head: head!, body }
}
