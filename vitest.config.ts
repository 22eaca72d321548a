import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { SummaryReporter } from './scripts/summary-reporter.ts'

// Tests start hundreds of processes from the sources. Compiled once, each starts in a third of the time.
process.env.NODE_COMPILE_CACHE ??= new URL('./node_modules/.cache/compiled', import.meta.url).pathname

// Vite does not resolve a package's own name, Node does: the `source` condition of each export becomes an alias.
const manifest = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))
const alias = Object.entries<{ source?: string }>(manifest.exports)
  .filter(([, target]) => target.source)
  .map(([subpath, target]) => ({
    find: new RegExp(`^${manifest.name}${subpath.slice(1)}$`),
    replacement: new URL(target.source!, import.meta.url).pathname,
  }))

// What touches data, on any engine.
const onBoth = [
  'test/conformance/{unit-*,query-*,model-constraints,cache*}.test.ts',
  'test/api/{conduit,resource,resource-access,versions,job-status}.test.ts',
  'examples/{shop,hello}/app.test.ts',
  'src/{testing/test-backend,runtime/upkeep}.test.ts',
  'test/conformance/{job,schedule,why}*.test.ts',
  'test/conformance/{consumer*,event*,subscriber*}.test.ts',
  'test/conformance/webhook*.test.ts',
  'test/conformance/{soft-delete*,idempotency,identity,http-host}.test.ts',
]
const onPostgres = ['test/conformance/*postgres*.test.ts', '{src,test}/{cli,testing,fuzz}/*-postgres.test.ts']

export default defineConfig({
  resolve: { alias },
  test: {
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['{src,test,examples,scripts,bench}/**/*.test.ts', 'packages/*/src/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...onPostgres],
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: [...onBoth, ...onPostgres],
          // One server for all of them, when there are any.
          globalSetup: ['test/conformance/postgres-setup.ts'],
          setupFiles: ['test/conformance/engine-setup.ts'],
        },
      },
    ],
    // Most of our tests wait for a process or a disk: with one worker for each core 4 of 10 moments of the cores are idle,
    // with two hardly any.
    maxWorkers: availableParallelism() * 2,
    execArgv: ['--conditions=source'],
    reporters: ['default', new SummaryReporter()],
    // Real parts on a shared machine of two cores: a test is stopped because it hangs, never because it is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 45_000 } },
    restoreMocks: true,
  },
})
