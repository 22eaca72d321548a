// Serves the app on a database: server-process.ts DATABASE TESTING, where DATABASE is a file or a URL and TESTING is JSON.
// Prints `listening PORT PID` once it does, and ends with whoever holds its standard input.
import { backend } from 'monobloc'
import { seed, serve } from './app.ts'

process.stdin.on('close', () => process.exit(1)).resume()

const [database, testing] = process.argv.slice(2) as [string, string]
const app = backend({ name: 'faults', serve, seed, database, testing: JSON.parse(testing) } as Parameters<
  typeof backend
>[0])
const { port } = await app.listen(0)
console.log(`listening ${port} ${process.pid}`)
