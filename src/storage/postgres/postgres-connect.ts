import { PostgresConnection } from './postgres-connection.ts'
import { type DriverClient, loadDriver } from './postgres-driver.ts'
import type { PostgresSettings } from './postgres-options.ts'

/** Opens one connection, set up and checked. */
export async function connect(settings: PostgresSettings): Promise<PostgresConnection> {
  const { Client } = await loadDriver()
  const client = new Client({
    connectionString: settings.url,
    application_name: 'monobloc',
    connectionTimeoutMillis: 10_000,
    options: '-c timezone=UTC -c default_transaction_read_only=on',
    keepAlive: true,
  })
  client.on('error', () => {})
  await client.connect()
  return new PostgresConnection(client, { names: !settings.pooler, cancel: (running) => cancel(settings, running) })
}

async function cancel(settings: PostgresSettings, { processID }: DriverClient): Promise<void> {
  const { Client } = await loadDriver()
  const client = new Client({ connectionString: settings.url }) as unknown as import('pg').Client
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select pg_cancel_backend($1)', [processID])
  } finally {
    await client.end().catch(() => {})
  }
}
