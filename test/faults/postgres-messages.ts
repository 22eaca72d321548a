// Cuts what PostgreSQL's client and server say to each other into messages, and knows which of them commit.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

export interface Message {
  bytes: Buffer
  /** Asks to commit (from a client), or says that it was done (from a server). */
  commits: boolean
}

const sslRequest = 80877103
const gssRequest = 80877104

/** What a client sends: its first messages have no letter before their length. */
export class ClientMessages {
  #rest = Buffer.alloc(0)
  #hasBegun = false
  /** Names of prepared statements that commit. */
  readonly #committing = new Set<string>()
  #boundToCommit = false
  /** Single bytes, outside any message, that the server answers before the connection begins. */
  awaitedBytes = 0

  read(chunk: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const messages: Message[] = []
    for (let bytes = this.#next(); bytes; bytes = this.#next())
      messages.push({ bytes, commits: this.#hasBegun ? this.#commits(bytes) : this.#begin(bytes) })
    return messages
  }

  #next(): Buffer | undefined {
    const at = this.#hasBegun ? 1 : 0
    if (this.#rest.length < at + 4) return undefined
    const length = at + this.#rest.readUInt32BE(at)
    if (this.#rest.length < length) return undefined
    const bytes = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return bytes
  }

  #begin(bytes: Buffer): false {
    const asks = bytes.length === 8 && [sslRequest, gssRequest].includes(bytes.readUInt32BE(4))
    if (asks) this.awaitedBytes++
    else this.#hasBegun = true
    return false
  }

  #commits(bytes: Buffer): boolean {
    const type = String.fromCharCode(bytes[0]!)
    const [first = '', second = ''] = bytes.subarray(5).toString('latin1').split('\0', 2)
    switch (type) {
      case 'Q':
        return isCommit(first)
      case 'P':
        if (isCommit(second)) this.#committing.add(first)
        else this.#committing.delete(first)
        return false
      case 'B':
        this.#boundToCommit = this.#committing.has(second)
        return false
      case 'E':
        return this.#boundToCommit
    }
    return false
  }
}

function isCommit(sql: string): boolean {
  return /(^|;)\s*commit\b/i.test(sql)
}

/** What a server sends. */
export class ServerMessages {
  #rest = Buffer.alloc(0)
  readonly #client: ClientMessages

  constructor(client: ClientMessages) {
    this.#client = client
  }

  read(chunk: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const messages: Message[] = []
    while (this.#client.awaitedBytes > 0 && this.#rest.length > 0) {
      this.#client.awaitedBytes--
      messages.push({ bytes: this.#rest.subarray(0, 1), commits: false })
      this.#rest = this.#rest.subarray(1)
    }
    while (this.#rest.length >= 5 && this.#rest.length > this.#rest.readUInt32BE(1)) {
      const bytes = this.#rest.subarray(0, 1 + this.#rest.readUInt32BE(1))
      this.#rest = this.#rest.subarray(bytes.length)
      messages.push({
        bytes,
        commits: bytes.toString('latin1', 0, 1) === 'C' && bytes.includes('COMMIT\0', 5, 'latin1'),
      })
    }
    return messages
  }
}
