// PostgreSQL's own programs, and the user that may run them: a server refuses to run as root.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import path from 'node:path'

/** Where Debian puts the programs of a server; elsewhere they are on the PATH. The newest version comes first. */
const folders = globSync('/usr/lib/postgresql/*/bin').sort((one, other) => versionOf(other) - versionOf(one))

function versionOf(folder: string): number {
  return Number(path.basename(path.dirname(folder)))
}

export function programOf(name: string): string | undefined {
  const found = folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file))
  if (found) return found
  return spawnSync(name, ['--version']).error ? undefined : name
}

/** Why no PostgreSQL server can be started here; undefined when one can. */
export function whyNoPostgres(): string | undefined {
  if (!existsSync('/proc/self/stat')) return 'the processes of a server are found in /proc, which is not here'
  const missing = ['initdb', 'postgres', 'pg_basebackup'].find((name) => !programOf(name))
  if (missing) return `${missing} is not installed (Debian: apt-get install postgresql)`
  const tool = ['setpriv', 'ipcrm'].find((name) => spawnSync(name, ['--version']).error)
  if (tool) return `${tool} is not installed (Debian: apt-get install util-linux)`
  return isRoot && !serverUser() ? 'there is neither a user postgres nor nobody to run a server' : undefined
}

/** Why no PgBouncer can be started here; undefined when one can. */
export function whyNoBouncer(): string | undefined {
  return whyNoPostgres() ?? (programOf('pgbouncer') ? undefined : 'pgbouncer is not installed')
}

const isRoot = process.getuid?.() === 0

/** Who runs servers for root: the names are looked up once. */
let user: { uid: number; gid: number } | null | undefined

function serverUser(): { uid: number; gid: number } | null {
  user ??= ['postgres', 'nobody'].map(idsOf).find((ids) => ids !== undefined) ?? null
  return user
}

function idsOf(name: string): { uid: number; gid: number } | undefined {
  const [uid, gid] = ['-u', '-g'].map((option) => spawnSync('id', [option, name], { encoding: 'utf8' }))
  return uid!.status === 0 && gid!.status === 0 ? { uid: Number(uid!.stdout), gid: Number(gid!.stdout) } : undefined
}

/** The user that owns a server's files; undefined when it is who runs this. */
export function ownerOfServers(): { uid: number; gid: number } | undefined {
  return isRoot ? serverUser()! : undefined
}

/** A command as a server's user, which the system ends when who started it has ended, even by SIGKILL. */
export function asServerUser(name: string, args: string[]): [string, string[]] {
  const owner = ownerOfServers()
  const as = owner ? [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : []
  return ['setpriv', [...as, '--pdeathsig', 'KILL', '--', programOf(name)!, ...args]]
}

export function runAsServerUser(name: string, args: string[]): void {
  const [command, all] = asServerUser(name, args)
  execFileSync(command, all, { stdio: 'pipe', cwd: '/' })
}
