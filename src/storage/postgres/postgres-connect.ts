import net from 'node:net'
import type { ClientConfig } from 'pg'
import { connectError, refused, type Target, unavailable } from './postgres-connect-errors.ts'
import { PostgresConnection } from './postgres-connection.ts'
import { type DriverClient, loadDriver } from './postgres-driver.ts'
import { durably } from './postgres-options.ts'
import { epoch } from './postgres-outcome.ts'
import { type PostgresAddress, type PostgresHost, tlsOptions } from './postgres-url.ts'

const oldestVersion = 15

export interface ConnectSettings {
  /** Settings that each connection has, by name. */
  sessionSettings: Readonly<Record<string, string>>
  graceMillis: number
}

const facts = `current_setting('server_version_num')::int / 10000 as version,
  current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby,
  current_setting('default_transaction_read_only') as locked, ${epoch} as epoch`

interface Facts {
  version: number
  encoding: string
  standby: boolean
  epoch: string
}

/** Opens connections to the first of the hosts that will do, and to the same one next. */
export class Connector {
  readonly #address: PostgresAddress
  readonly #settings: ConnectSettings
  /** The host that served last. */
  #at = 0

  constructor(address: PostgresAddress, settings: ConnectSettings) {
    this.#address = address
    this.#settings = settings
  }

  /**
   * A connection that is set up and checked.
   *
   * @throws MonoblocError `configuration_invalid`, `database_unavailable`, `dependency_missing`; with several hosts, what
   * the last of them said
   */
  async connect(): Promise<PostgresConnection> {
    const { hosts } = this.#address
    const from = this.#at
    for (let tried = 0; ; tried++) {
      const at = (from + tried) % hosts.length
      try {
        const connection = await this.#connectTo(hosts[at]!)
        this.#at = at
        return connection
      } catch (error) {
        if (tried === hosts.length - 1) throw error
      }
    }
  }

  async #connectTo(host: PostgresHost): Promise<PostgresConnection> {
    const { Client } = await loadDriver()
    const client = new Client(this.#config(host))
    client.on('error', nothing)
    const target: Target = { ...host, database: client.database ?? '', user: client.user ?? '' }
    try {
      await client.connect()
      // Only who says it in the address itself goes without.
      const isSaid = this.#address.options?.includes('synchronous_commit') ?? false
      const asked = `select ${isSaid ? '' : `${durably(false)}, `}${facts}`
      const { rows } = await (client as unknown as { query(sql: string): Promise<{ rows: Facts[] }> }).query(asked)
      const [found] = rows
      this.#check(target, found!)
      return new PostgresConnection(client, {
        names: !this.#address.pooler,
        graceMillis: this.#settings.graceMillis,
        epoch: found!.epoch,
        cancel: (running) => cancel(host, running),
      })
    } catch (error) {
      client.end().catch(nothing)
      throw connectError(error, target)
    }
  }

  #check(target: Target, { version, encoding, standby }: Facts): void {
    if (version < oldestVersion) {
      throw refused(target, `it has version ${version}, and Monobloc needs ${oldestVersion} or later`)
    }
    if (encoding !== 'UTF8') {
      throw refused(target, `the database is encoded as ${encoding}: create it with encoding UTF8`)
    }
    if (standby && this.#address.readWrite) throw unavailable(target, 'it is a standby, which can not be written to')
  }

  #config({ host, port }: PostgresHost): ClientConfig {
    const { database, user, password, pooler, options, applicationName, connectMillis, channelBinding } = this.#address
    // A pooler refuses what it does not know when a connection begins.
    const settings = Object.entries(pooler ? {} : this.#settings.sessionSettings)
    const words = settings.map(([name, value]) => `-c ${name}=${value}`)
    if (options) words.push(options)
    return {
      host,
      port,
      database,
      user,
      password,
      ssl: tlsOptions(this.#address),
      enableChannelBinding: channelBinding,
      application_name: applicationName ?? 'monobloc',
      connectionTimeoutMillis: connectMillis,
      ...(words.length > 0 ? { options: words.join(' ') } : {}),
      keepAlive: true,
      // 10 s: a peer that is gone without a word is found within a minute or so, and nobody waits for it meanwhile.
      keepAliveInitialDelayMillis: 10_000,
    }
  }
}

// As the protocol has it: a connection of its own, one message, and the server closes when it has told the backend. The
// message says nothing but two numbers, which the server gave for it.
function cancel({ host, port }: PostgresHost, { processID, secretKey }: DriverClient): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port })
    const message = Buffer.alloc(16)
    message.writeInt32BE(16, 0)
    message.writeInt32BE(cancelCode, 4)
    message.writeInt32BE(processID ?? 0, 8)
    message.writeInt32BE(secretKey ?? 0, 12)
    socket.once('connect', () => socket.write(message))
    socket.setTimeout(cancelMillis, () => socket.destroy())
    socket.on('error', nothing)
    socket.on('data', nothing)
    socket.once('close', () => resolve())
  })
}

const cancelCode = 80_877_102

/** A server that is too busy to take it in this time is not waited for. */
const cancelMillis = 2_000

function nothing(): void {}
