// `npm run check`: what can be known without running the product. Formatting and lint, types, structure.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const bin = (name: string) => path.join(root, 'node_modules', '.bin', name)

const steps: Record<string, string[]> = {
  types: [bin('tsc'), '--noEmit'],
  structure: [bin('vitest'), 'run', '--reporter=dot', 'test/structure'],
}

async function run(name: string, [command, ...args]: string[]): Promise<boolean> {
  const started = performance.now()
  const child = spawn(command!, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk))
  const [code] = await once(child, 'close')
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (code !== 0) console.log(Buffer.concat(output).toString())
  return code === 0
}

const results = await Promise.all(Object.entries(steps).map(([name, command]) => run(name, command)))
process.exitCode = results.every(Boolean) ? 0 : 1
