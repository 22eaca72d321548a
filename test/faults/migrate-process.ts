// Applies the migrations of a folder to a database, saying how far it is: the process that is killed.
import { createSqliteMigrator, readMigrationFiles } from '../../src/storage/index.ts'
import { newSchema } from './migrate-models.ts'

const [file, folder] = process.argv.slice(2) as [string, string]
// Every table counts as big, so that there is a word in the middle of a copy.
const migrator = createSqliteMigrator({ file, testing: { bigTable: 1 } } as never)
const say = (text: string) => process.stdout.write(`${text}\n`)
say('begun')
try {
  const files = readMigrationFiles(folder)
  await migrator.apply({ files, schema: newSchema, runProgram: () => {}, onProgress: ({ what }) => say(what) })
  say('done')
} catch (error) {
  console.error(error)
  process.exit(1)
}
