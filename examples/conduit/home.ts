import { endpoint } from './models.ts'
import { sharedPassword } from './seed.ts'

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Conduit on Monobloc</title>
<meta name="viewport" content="width=device-width"><style>body{font:1rem/1.6 system-ui;max-width:42rem;margin:3rem auto;padding:0 1rem}code,pre{background:#8882;padding:.1em .3em}pre{padding:1rem;overflow:auto}:root{color-scheme:light dark}</style>
<h1>Conduit, on Monobloc</h1><p>The whole RealWorld API, with twenty people and a thousand articles in it.</p>
<ul><li><a href="/docs">Reference</a> · <a href="/openapi.json">OpenAPI</a></li>
<li><a href="/api/articles">Newest articles</a> · <a href="/api/articles?tag=bees">about bees</a> · <a href="/api/articles?author=ada&limit=5">by ada</a></li>
<li><a href="/api/tags">Tags</a> · <a href="/api/profiles/ada">A profile</a></li></ul>
<h2>Sign in</h2><p>As <code>ada@example.com</code> (or bo, cleo, dan, …), password <code>${sharedPassword}</code>:</p>
<pre>curl -s localhost:3000/api/users/login -H 'content-type: application/json' \\
  -d '{"user":{"email":"ada@example.com","password":"${sharedPassword}"}}'</pre></html>`

export const home = endpoint('GET /', {
  anyone: true,
  transaction: false,
  summary: 'What runs here',
  handle({ reply, headers }) {
    reply.header('content-type', 'text/html; charset=utf-8')
    return page.replace('localhost:3000', headers.host ?? 'localhost:3000')
  },
})
