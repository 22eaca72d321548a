#!/usr/bin/env node
// Plain ES5: it must be readable by the Node.js that is too old, to say so.
'use strict'
var needed = 24
if (parseInt(process.versions.node, 10) < needed) {
  process.stderr.write(
    'create-monobloc needs Node.js ' +
      needed +
      ' or later; this is ' +
      process.version +
      ' (' +
      process.execPath +
      ').\n' +
      'Get Node.js 26 from https://nodejs.org/en/download, or with a version manager: nvm install 26, fnm install 26,\n' +
      'volta install node@26.\n',
  )
  process.exit(78)
}
require('../dist/main.cjs')
