import { createEndpoint, type Endpoint, sayOwnPage, styleSource } from '../http/index.ts'

const endpoint = createEndpoint<unknown, null>()

// A page for the first minute of an app, not a list to work with: `monobloc routes` has them all.
const mostRoutes = 60

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:42rem;margin:3rem auto;padding:0 1rem}
td{padding:.1rem 1rem .1rem 0;font-family:ui-monospace,monospace}`

/** What a developer sees at `/` while the app serves nothing there. Not in production. */
export function startPage(name: string, routes: readonly Endpoint[], links: readonly [string, string][]): Endpoint {
  const page = render(name, routes, links)
  return endpoint('GET /', {
    anyone: true,
    transaction: false,
    reference: false,
    handle({ reply }) {
      reply.header('content-type', 'text/html; charset=utf-8')
      sayOwnPage(reply, `style-src ${styleSource(style)}; img-src data:`)
      return page
    },
  })
}

function render(name: string, routes: readonly Endpoint[], links: readonly [string, string][]): string {
  const rows = routes.slice(0, mostRoutes).map(({ method, path }) => {
    const shown = escapeHtml(path)
    const openable = method === 'GET' && !/[:*]/.test(path)
    return `<tr><td>${method}</td><td>${openable ? `<a href="${shown}">${shown}</a>` : shown}</td></tr>`
  })
  const more =
    routes.length > mostRoutes ? `<p>… and ${routes.length - mostRoutes} more: <code>monobloc routes</code></p>` : ''
  const list = rows.length > 0 ? `<table>${rows.join('')}</table>${more}` : '<p>Nothing is served yet.</p>'
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(name)}</title><link rel="icon" href="data:,">
<style>${style}</style>
<h1>${escapeHtml(name)} runs.</h1>
${links.map(([label, path]) => `<p>${escapeHtml(label)}: <a href="${path}">${path}</a></p>`).join('\n')}
${list}
<p>This page is shown in development while nothing serves <code>GET /</code>.</p>
</html>`
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replaceAll(/[&<>"']/g, (character) => names[character]!)
}
