const $ = (id) => document.getElementById(id)
let token = ''

async function ask(method, path, body, headers = {}) {
  const isForm = body instanceof FormData
  const response = await fetch(path, {
    method,
    body: body && !isForm ? JSON.stringify(body) : body,
    headers: {
      ...(body && !isForm && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  })
  const answer = await response.json()
  if (response.ok) return answer
  throw new Error([answer.title, ...(answer.errors ?? []).map(({ detail }) => detail)].join(' '))
}

/** Sent once more when the answer was lost. The key is the same: at most one of the two buys. */
async function buy(product) {
  const key = { 'idempotency-key': crypto.randomUUID() }
  const checkout = () => ask('POST', '/orders', { items: [{ product: product.id, count: 1 }] }, key)
  const { id, total } = await checkout().catch((error) =>
    error instanceof TypeError ? checkout() : Promise.reject(error),
  )
  return `Order ${id}: ${product.name}, ${total}`
}

async function addPhoto(product, photo) {
  const form = new FormData()
  form.append('photo', photo)
  await ask('POST', `/products/${product.id}/photos`, form)
  return `${product.name} has a new photo.`
}

/** Does it, says what came of it, and shows how things are now. */
async function act(work) {
  try {
    $('said').textContent = await work()
  } catch (error) {
    $('said').textContent = error.message
  }
  await show()
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

function card(product) {
  const { name, about, price, stock, photos } = product
  const latest = photos.at(-1)
  const photo = element(
    'div',
    { className: 'photo' },
    latest ? element('img', { src: `/photos/${latest.file}`, alt: name }) : name[0],
  )
  photo.style.setProperty('--hue', product.id * 47)
  const left = stock > 0 ? `${stock} left` : 'sold out'
  const action = $('person').value === 'admin' ? photoButton(product) : buyButton(product)
  return element(
    'article',
    {},
    photo,
    element('h3', {}, name),
    element('p', { className: 'soft' }, about),
    `${price} · ${left}`,
    action,
  )
}

function buyButton(product) {
  return element('button', { disabled: !token, onclick: () => act(() => buy(product)) }, 'Buy one')
}

function photoButton(product) {
  const input = element('input', { type: 'file', accept: 'image/*' })
  input.onchange = () => act(() => addPhoto(product, input.files[0]))
  return element('label', {}, 'Add a photo ', input)
}

function rows(table, lists) {
  $(`${table}-title`).hidden = lists.length === 0
  $(table).replaceChildren(...lists.map((list) => element('tr', {}, ...list.map((text) => element('td', {}, text)))))
}

async function show() {
  const products = await ask('GET', '/products?include=photos&sort=name')
  $('products').replaceChildren(...products.map(card))
  if (!token) return
  const [orders, sales] = await Promise.all([
    ask('GET', '/orders?sort=-id&limit=10&include=customer,lines.product'),
    ask('GET', '/sales'),
  ])
  const things = ({ lines }) => lines.map(({ count, product }) => `${count} × ${product.name}`).join(', ')
  rows(
    'orders',
    orders.map((order) => [`${order.id}`, order.customer.name, things(order), order.total, order.state]),
  )
  const nameOf = (id) => products.find((product) => product.id === id)?.name ?? `${id}`
  rows(
    'sales',
    sales.map(({ product, count, total }) => [nameOf(product), `${count}`, total]),
  )
}

$('person').onchange = () =>
  act(async () => {
    const name = $('person').value
    token = ''
    rows('orders', [])
    rows('sales', [])
    if (!name) return 'Who are you?'
    token = (await ask('POST', '/sign-in', { name, password: 'password' })).token
    return `Hello ${name}.`
  })
await show()
