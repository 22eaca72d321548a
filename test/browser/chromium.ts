import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

// Debian's, Fedora's and Google's names for it.
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const program = process.env.CHROMIUM ?? places.find((place) => existsSync(place))

/** Why no page can be opened here; undefined when one can. */
export const whyNoChromium: string | undefined = program ? undefined : 'Chromium is not installed'

/** A real browser. As root it has no sandbox of its own; what it opens is ours. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: program, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}
