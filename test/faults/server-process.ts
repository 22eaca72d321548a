// Serves the app on a database file: server-process.ts FILE TESTING, where TESTING is JSON.
// Prints `listening PORT PID` once it does.
import { app } from './app.ts'

const [file, testing] = process.argv.slice(2) as [string, string]
const environment = {
  ...process.env,
  DATABASE_URL: `file:${file}`,
  MONOBLOC_SECRET: 'faults-'.repeat(8),
  MONOBLOC_LOG: 'warn',
}
process.env = environment
const { port } = await app.listen(0)
console.log(`listening ${port} ${process.pid}`)
