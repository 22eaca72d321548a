// Applies the migrations of a folder to a database, saying how far it is: the process that is killed.
import path from 'node:path'
import { createPostgresMigrator, createSqliteMigrator, readMigrationFiles } from '../../src/storage/index.ts'
import { newSchema } from './migrate-models.ts'

const [database, folder, mode] = process.argv.slice(2) as [string, string, string]
const isServer = database.startsWith('postgres')
// Every table counts as big, so that there is a word in the middle of a copy.
const testing = mode === 'parts' ? { bigTable: 1, batchBlocks: 8 } : {}
const migrator = isServer
  ? createPostgresMigrator({ url: database, testing } as never)
  : createSqliteMigrator({ file: database, testing: { bigTable: 1 } } as never)
const say = (text: string) => process.stdout.write(`${text}\n`)
say('begun')
try {
  const files = readMigrationFiles(folder, isServer ? 'postgresql' : 'sqlite')
  const backups = isServer ? path.join(folder, '..', 'backups') : undefined
  await migrator.apply({
    files,
    schema: newSchema,
    backups,
    runProgram: () => {},
    onProgress: ({ what }) => say(what),
  })
  say('done')
} catch (error) {
  console.error(error)
  process.exit(1)
}
