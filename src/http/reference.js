// Adds to the page of the reference what needs a script: the search, the token, and forms that send requests. The token
// lives in its field only, and is gone with the page.

const all = (selector, within = document) => [...within.querySelectorAll(selector)]
const search = document.querySelector('input[type=search]')
const token = document.querySelector('input[type=password]')
const server = new URL(document.body.dataset.server || '/', location.href).href.replace(/\/$/, '')

for (const element of all('[hidden]')) element.hidden = false

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (target?.tagName === 'DETAILS') {
    target.open = true
    target.scrollIntoView()
  }
}
addEventListener('hashchange', openTarget)
openTarget()

search.addEventListener('input', () => {
  const words = search.value.toLowerCase().split(/\s+/)
  for (const operation of all('.operation')) {
    operation.hidden = !words.every((word) => operation.dataset.words.includes(word))
    for (const item of all(`[data-for="${CSS.escape(operation.id)}"]`)) item.hidden = operation.hidden
  }
  for (const section of all('main section:has(.operation)'))
    section.hidden = !section.querySelector('.operation:not([hidden])')
  for (const title of all('nav h2')) title.hidden = !title.nextElementSibling.querySelector('li:not([hidden])')
})

/** The request that a form stands for. Fields that are empty are left out. */
function requestOf(form) {
  const { method, path, type, locked } = form.dataset
  const headers = {}
  const query = new URLSearchParams()
  let address = path
  for (const { name, value } of all('input', form)) {
    const [, place, key] = /^(\w+)\.(.*)$/.exec(name)
    if (place === 'path') address = address.replace(`{${key}}`, value ? encodeURIComponent(value) : `{${key}}`)
    else if (value && place === 'query') query.append(key, value)
    else if (value && place === 'more') for (const [one, text] of new URLSearchParams(value)) query.append(one, text)
    else if (value) headers[key] = value
  }
  const body = form.elements.body?.value || undefined
  if (body) headers['content-type'] = type
  if (token?.value || locked) headers.authorization = `Bearer ${token.value}`
  return { method, url: server + address + (query.size ? `?${query}` : ''), headers, body }
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

function curlOf({ method, url, headers, body }) {
  const parts = [`curl${method === 'GET' ? '' : ` -X ${method}`} ${quoted(url)}`]
  // The token is not for a terminal's history.
  for (const [name, value] of Object.entries(headers))
    parts.push(name === 'authorization' ? '-H "authorization: Bearer $TOKEN"' : `-H ${quoted(`${name}: ${value}`)}`)
  if (body) parts.push(`-d ${quoted(body)}`)
  return parts.join(' \\\n  ')
}

function element(name, text, className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className })
}

async function send(form) {
  const output = form.querySelector('output')
  const { url, ...request } = requestOf(form)
  if (!token?.value) delete request.headers.authorization
  output.replaceChildren(element('p', 'Sending …', 'note'))
  const start = performance.now()
  try {
    const answer = await fetch(url, { ...request, cache: 'no-store' })
    const text = await answer.text()
    const time = `${Math.round(performance.now() - start)} ms`
    const fields = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
    const status = element('p', '')
    status.append(element('b', answer.status, `s${String(answer.status)[0]}`), ` ${answer.statusText} `)
    status.append(element('small', time))
    output.replaceChildren(status, element('pre', fields, 'headers'), ...bodyOf(text))
  } catch (error) {
    output.replaceChildren(element('p', `No answer: ${error.message}`, 's5'))
  }
}

/** What came back; where it holds a token, with a button that takes it. */
function bodyOf(text) {
  if (!text) return []
  let found
  try {
    const json = JSON.parse(text, (key, value) => {
      if (/^(access_?)?token$/i.test(key) && typeof value === 'string') found = value
      return value
    })
    text = JSON.stringify(json, null, 2)
  } catch {}
  const body = element('pre', text, 'body')
  if (!found || !token) return [body]
  const use = Object.assign(element('button', 'Use this token'), { type: 'button' })
  use.addEventListener('click', () => {
    token.value = found
    use.textContent = 'In use'
    showCalls()
  })
  return [body, use]
}

const showCall = (form) => (form.previousElementSibling.textContent = curlOf(requestOf(form)))
const showCalls = () => all('form').forEach(showCall)

for (const form of all('form')) {
  form.addEventListener('input', () => showCall(form))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    send(form)
  })
}
token?.addEventListener('input', showCalls)
showCalls()
