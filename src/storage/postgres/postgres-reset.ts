// Everything that is Monobloc's in a schema, and nothing else.
import { MonoblocError } from '../../errors.ts'
import type { MigrationClient } from './postgres-migration-client.ts'
import { hasTable } from './postgres-migration-history.ts'
import { quoted } from './postgres-table.ts'

const relationsSql = `
select c.relname as name, c.relkind as kind,
  exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname like 'monobloc\\_log\\_%') as logged
from pg_class c where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not exists (select from pg_depend e where e.objid = c.oid and e.deptype = 'e')`

const functionsSql = `
select p.oid::regprocedure::text as signature from pg_proc p
where p.pronamespace = (select oid from pg_namespace where nspname = current_schema()) and p.proname like 'monobloc\\_%'`

/**
 * Drops the app's tables with their rows and Monobloc's own. Which tables are the app's is known from the log.
 *
 * @throws MonoblocError `database_busy` while a Monobloc is connected, `migration_refused` where other tables are
 */
export async function dropEverything(client: MigrationClient): Promise<void> {
  const { ask } = client
  const [others] = await ask<{ n: number }>(
    `select count(*)::integer as n from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and application_name like 'monobloc%'
       and backend_type = 'client backend'`,
  )
  if (others!.n > 0) {
    throw new MonoblocError('database_busy', {
      detail: `${others!.n} connections of a running app use it: stop it first.`,
    })
  }
  await client.patiently(10_000, async () => {
    const relations = await ask<{ name: string; kind: string; logged: boolean }>(relationsSql)
    const shaped = (await hasTable(ask, 'monobloc_shape'))
      ? (await ask<{ name: string }>('select distinct table_name as name from monobloc_shape')).map(({ name }) => name)
      : []
    const isOurs = ({ name, logged }: (typeof relations)[number]) =>
      logged || name.startsWith('monobloc_') || shaped.includes(name)
    const foreign = relations.filter((relation) => !isOurs(relation)).map(({ name }) => name)
    if (foreign.length > 0) {
      throw new MonoblocError('migration_refused', {
        detail: `The schema also holds what is not the app's: ${foreign.join(', ')}. Nothing was deleted: drop it yourself, or give the app a schema or database of its own.`,
      })
    }
    const tables = relations.map(({ name }) => quoted(name))
    if (tables.length > 0) await ask(`drop table ${tables.join(', ')}`)
    for (const { signature } of await ask<{ signature: string }>(functionsSql)) await ask(`drop function ${signature}`)
  })
}
