import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MonoblocError } from '../errors.ts'
import { type EgressOptions, egress } from './egress.ts'
import { resolveName } from './egress-resolve.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Names as the resolver of these tests knows them. */
const names: Record<string, string[]> = {
  'public.example': ['93.184.215.14'],
  'inside.example': ['127.0.0.1'],
  'mixed.example': ['93.184.215.14', '127.0.0.1'],
  'mixed6.example': ['2606:2800:220:1::1', '::1'],
  'metadata.example': ['169.254.169.254'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'zone.example': ['fe80::1%eth0'],
  'nothing.example': [],
}

function client(options: EgressOptions = {}) {
  const made = egress({
    http: true,
    ports: 'any',
    resolve: async (name, signal) =>
      names[name] ?? (/localhost$/.test(name) || net.isIP(name) ? resolveName(name, signal) : []),
    ...options,
  })
  ends.push(() => made.close())
  return made
}

async function listen(handle: RequestListener): Promise<{ port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  // Both families, so that every form of this machine would arrive.
  const server = http.createServer((request, response) => {
    seen.push(request)
    handle(request, response)
  })
  server.listen(0, '::')
  await once(server, 'listening')
  ends.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, seen }
}

const hello: RequestListener = (_request, response) => void response.end('hello')

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'answered',
    (error) => (error instanceof MonoblocError ? error.code : `${error}`),
  )
}

// Every form of an address that leads to this machine, its network or its cloud. PORT is that of a real listener.
const corpus = [
  'http://127.0.0.1:PORT/',
  'http://127.1:PORT/',
  'http://127.0.1:PORT/',
  'http://127.255.255.254:PORT/',
  'http://2130706433:PORT/',
  'http://0x7f000001:PORT/',
  'http://0x7f.0.0.1:PORT/',
  'http://0x7f.1:PORT/',
  'http://0177.0.0.1:PORT/',
  'http://0177.1:PORT/',
  'http://017700000001:PORT/',
  'http://00000177.0.0.1:PORT/',
  'http://0x7f.0x0.0x0.0x1:PORT/',
  'http://127.0.0.1.:PORT/',
  'http://127.000.000.001:PORT/',
  'http://127。0。0。1:PORT/',
  'http://①②⑦.⓪.⓪.①:PORT/',
  'http://１２７.0.0.1:PORT/',
  'http://%31%32%37.0.0.1:PORT/',
  'http://0.0.0.0:PORT/',
  'http://0:PORT/',
  'http://localhost:PORT/',
  'http://LOCALHOST:PORT/',
  'http://localhost.:PORT/',
  'http://app.localhost:PORT/',
  'http://[::1]:PORT/',
  'http://[::]:PORT/',
  'http://[0:0:0:0:0:0:0:1]:PORT/',
  'http://[0000::0001]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[::ffff:7f00:1]:PORT/',
  'http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/',
  'http://[::127.0.0.1]:PORT/',
  'http://[64:ff9b::127.0.0.1]:PORT/',
  'http://[64:ff9b:1::7f00:1]:PORT/',
  'http://[2002:7f00:1::]:PORT/',
  'http://[2001:0:7f00:1::]:PORT/',
  'http://[2a00:1450:4001:80e:0:5efe:7f00:1]:PORT/',
  'http://[fe80::1]:PORT/',
  'http://[fe80::1%25lo]:PORT/',
  'http://[fe80::1%lo]:PORT/',
  'http://[fc00::1]:PORT/',
  'http://[fd00:ec2::254]:PORT/',
  'http://[ff02::1]:PORT/',
  'http://[fec0::1]:PORT/',
  'http://[100::1]:PORT/',
  'http://[2001:db8::1]:PORT/',
  'http://[3fff::1]:PORT/',
  'http://[5f00::1]:PORT/',
  'http://10.0.0.1:PORT/',
  'http://10.255.255.255:PORT/',
  'http://172.16.0.1:PORT/',
  'http://172.31.255.255:PORT/',
  'http://192.168.0.1:PORT/',
  'http://100.64.0.1:PORT/',
  'http://100.100.100.200:PORT/',
  'http://169.254.169.254:PORT/latest/meta-data/',
  'http://2852039166:PORT/latest/meta-data/',
  'http://0xa9fea9fe:PORT/',
  'http://169.254.170.2:PORT/',
  'http://168.63.129.16:PORT/',
  'http://192.0.0.192:PORT/',
  'http://192.0.2.1:PORT/',
  'http://198.18.0.1:PORT/',
  'http://198.51.100.1:PORT/',
  'http://203.0.113.1:PORT/',
  'http://224.0.0.1:PORT/',
  'http://239.255.255.255:PORT/',
  'http://240.0.0.1:PORT/',
  'http://255.255.255.255:PORT/',
  'http://inside.example:PORT/',
  'http://mixed.example:PORT/',
  'http://mixed6.example:PORT/',
  'http://metadata.example:PORT/',
  'http://mapped.example:PORT/',
  'http://zone.example:PORT/',
  'http://user@127.0.0.1:PORT/',
  'http://public.example@127.0.0.1:PORT/',
  'http://public.example:80@127.0.0.1:PORT/',
  'http://127.0.0.1:PORT#@public.example/',
  'http://127.0.0.1:PORT\\@public.example/',
  'http:\\\\127.0.0.1:PORT\\',
  'http:/127.0.0.1:PORT/',
  'http:127.0.0.1:PORT/',
  'http:///127.0.0.1:PORT/',
  'http://127.0.0.1\t:PORT/',
  'http://127.0.0.1\n:PORT/',
  ' http://127.0.0.1:PORT/',
  'http://127.0.0.1\u00ad:PORT/',
  'http://127.0.0\u200b.1:PORT/',
  '//127.0.0.1:PORT/',
  '127.0.0.1:PORT',
  'https://127.0.0.1:PORT/',
  'ftp://127.0.0.1:PORT/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:PORT/_x',
  'dict://127.0.0.1:PORT/',
  'data:text/plain,hello',
  'ws://127.0.0.1:PORT/',
  'unix:///var/run/docker.sock',
  'blob:http://127.0.0.1:PORT/x',
  '',
  'http://',
  'http://[::1',
  `http://public.example:PORT/${'a'.repeat(2048)}`,
]

describe('addresses that others chose', () => {
  let sockets = 0
  const count = () => void sockets++
  beforeEach(() => {
    sockets = 0
    diagnostics.subscribe('net.client.socket', count)
    ends.push(() => diagnostics.unsubscribe('net.client.socket', count))
  })

  test('not one form of a private address gets a connection', async () => {
    const { port, seen } = await listen(hello)
    expect(corpus.length).toBeGreaterThanOrEqual(60)
    const { request } = client()
    for (const form of corpus)
      expect(await codeOf(request(form.replace('PORT', String(port)))), form).toBe('address_refused')
    expect(seen).toHaveLength(0)
    expect(sockets).toBe(0)
  })

  test('a plain client gets to the listener with many of these forms: the corpus can fail', async () => {
    const { port, seen } = await listen(hello)
    const local = corpus
      .filter((form) => /^\s*http:.*(?:127|7f|0x|\[::|0177|localhost|①|１|:PORT\/$)/i.test(form))
      .slice(0, 34)
    for (const form of local) {
      await fetch(form.replace('PORT', String(port)), { signal: AbortSignal.timeout(500) }).then(
        (answer) => answer.text(),
        () => {},
      )
    }
    expect(seen.length).toBeGreaterThan(20)
  })

  test('only ports, schemes and hosts that are called are called', async () => {
    const strict = egress({ resolve: async () => ['127.0.0.1'] })
    expect(() => strict.check('https://hooks.example.com/in')).not.toThrow()
    expect(() => strict.check('https://hooks.example.com:8443/in')).not.toThrow()
    for (const form of [
      'http://hooks.example.com/',
      'https://hooks.example.com:22/',
      'https://hooks.example.com:6379/',
    ])
      expect(() => strict.check(form), form).toThrow('This address is not called')
    expect(sockets).toBe(0)
  })

  test('addresses of the public internet are not refused', () => {
    const { check } = client()
    for (const host of [
      '8.8.8.8',
      '1.1.1.1',
      '172.32.0.1',
      '100.128.0.1',
      '[2606:4700:4700::1111]',
      'hooks.example.com',
    ])
      expect(() => check(`https://${host}/`), host).not.toThrow()
  })

  test('what is allowed is called, and nothing beside it', async () => {
    const { port, seen } = await listen(hello)
    const { request } = client({ allow: ['127.0.0.1'] })
    expect((await request(`http://127.0.0.1:${port}/`)).body.toString()).toBe('hello')
    expect((await request(`http://inside.example:${port}/`)).status).toBe(200)
    for (const form of [
      '127.0.0.2',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '127.1',
      'mapped.example',
      'mixed6.example',
      '10.0.0.1',
    ])
      expect(await codeOf(request(`http://${form}:${port}/`)), form).toBe('address_refused')
    expect(seen).toHaveLength(2)
  })

  test('networks are written as such', () => {
    for (const network of [
      '10.0.0.0/33',
      'fd00::/129',
      '10.0.0',
      'localhost',
      '10.0.0.0/8/8',
      'fe80::1%lo',
      '10.0.0.0/-1',
      '/8',
    ])
      expect(() => egress({ allow: [network] }), network).toThrow('is no network')
    egress({ allow: ['10.0.0.0/32', '0.0.0.0/0', 'fd00::/128', '::/0'] })
  })
})

test('a name that says something else the second time is not asked a second time', async () => {
  const { port, seen } = await listen(hello)
  let asked = 0
  const { request } = client({
    resolve: async () => (asked++ === 0 ? ['93.184.215.14'] : ['127.0.0.1']),
    connectTimeout: 150,
  })
  // The checked address is no server of ours: it times out or is unreachable, and the listener sees nothing.
  expect(await codeOf(request(`http://rebinding.example:${port}/`))).toMatch(/^egress_(?:failed|timeout)$/)
  expect(asked).toBe(1)
  expect(await codeOf(request(`http://rebinding.example:${port}/`))).toBe('address_refused')
  expect(seen).toHaveLength(0)
})

test('a connection that is kept open does not outlive the check', async () => {
  const { port, seen } = await listen(hello)
  let answers = ['127.0.0.1']
  const { request } = client({ allow: ['127.0.0.1'], resolve: async () => answers })
  await request(`http://a.example:${port}/`)
  await request(`http://a.example:${port}/`)
  expect(seen[0]!.socket).toBe(seen[1]!.socket)
  answers = ['10.0.0.1']
  expect(await codeOf(request(`http://a.example:${port}/`))).toBe('address_refused')
})

describe('redirects', () => {
  test('are answers unless they are asked for', async () => {
    const { port, seen } = await listen(
      (_request, response) => void response.writeHead(302, { location: '/there' }).end(),
    )
    const answer = await client({ allow: ['127.0.0.1'] }).request(`http://127.0.0.1:${port}/`)
    expect(answer.status).toBe(302)
    expect(seen).toHaveLength(1)
  })

  test('are checked hop by hop', async () => {
    const secret = await listen(hello)
    const targets = corpus.filter((form) => /^(?:https?|ftp|file|gopher):\/\//.test(form) && !/[\s\\]/.test(form))
    let at = 0
    const { port } = await listen((_request, response) => {
      response.setHeader(
        'location',
        encodeURI(targets[at]!.replace('PORT', String(secret.port))).replaceAll('%25', '%'),
      )
      response.writeHead(307).end()
    })
    const { request } = client({ allow: ['127.0.0.3'], redirects: 5 })
    for (; at < targets.length; at++)
      expect(await codeOf(request(`http://127.0.0.3:${port}/`)), targets[at]).toBe('address_refused')
    expect(secret.seen).toHaveLength(0)
  })

  test('end at their bound, and one below it arrives', async () => {
    const { port } = await listen((request, response) => {
      const left = Number(request.url!.slice(1))
      if (left > 0) response.writeHead(302, { location: `/${left - 1}` }).end()
      else response.end('arrived')
    })
    const { request } = client({ allow: ['127.0.0.1'], redirects: 3 })
    expect((await request(`http://127.0.0.1:${port}/3`)).body.toString()).toBe('arrived')
    expect((await request(`http://127.0.0.1:${port}/4`)).status).toBe(302)
    expect(() => egress({ redirects: 11 })).toThrow('at most 10')
  })

  test('carry no credentials to another origin', async () => {
    const other = await listen(hello)
    const { port } = await listen(
      (_request, response) => void response.writeHead(302, { location: `http://127.0.0.1:${other.port}/` }).end(),
    )
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'x', accept: 'text/plain' }
    await client({ allow: ['127.0.0.1'], redirects: 1 }).request(`http://127.0.0.1:${port}/`, { headers })
    const got = other.seen[0]!.headers
    expect(got.accept).toBe('text/plain')
    expect([got.authorization, got.cookie, got['x-api-key']]).toEqual([undefined, undefined, undefined])
  })
})

describe('bounds', () => {
  async function local(handle: RequestListener, options: EgressOptions = {}) {
    const { port } = await listen(handle)
    const { request } = client({ allow: ['127.0.0.1'], ...options })
    return (given?: Parameters<typeof request>[1]) => request(`http://127.0.0.1:${port}/`, given)
  }

  test('an answer has maxResponse bytes and not one more, whether it says so or not', async () => {
    const body =
      (size: number): RequestListener =>
      (_request, response) =>
        void response.end(Buffer.alloc(size))
    expect((await (await local(body(1000), { maxResponse: 1000 }))()).body).toHaveLength(1000)
    expect(await codeOf((await local(body(1001), { maxResponse: 1000 }))())).toBe('egress_too_large')
    const endless: RequestListener = (_request, response) => {
      const write = () =>
        void (
          response.destroyed ||
          (response.write(Buffer.alloc(65_536)) ? setImmediate(write) : response.once('drain', write))
        )
      write()
    }
    expect(await codeOf((await local(endless))())).toBe('egress_too_large')
    const cut = await (await local(endless))({ cut: 100 })
    expect([cut.cut, cut.body.length]).toEqual([true, 100])
    const whole = await (await local(body(100)))({ cut: 100 })
    expect([whole.cut, whole.body.length]).toEqual([false, 100])
  })

  test('a timeout is a day at most: a longer one would be over at once', () => {
    for (const name of ['timeout', 'connectTimeout']) {
      expect(() => egress({ [name]: 86_400_000 })).not.toThrow()
      expect(() => egress({ [name]: 86_400_001 })).toThrow('at most a day')
      expect(() => egress({ [name]: 0 })).toThrow('a whole number')
    }
  })

  test('a body that is sent has maxRequest bytes and not one more', async () => {
    const ask = await local(hello, { maxRequest: 10 })
    expect((await ask({ body: '1234567890' })).status).toBe(200)
    expect(await codeOf(ask({ body: '12345678901' }))).toBe('body_too_large')
  })

  test('an answer that drips ends with the time for everything', async () => {
    const drip = (response: ServerResponse) => {
      const timer = setInterval(() => response.write('.'), 10)
      response.on('close', () => clearInterval(timer))
    }
    expect(await codeOf((await local((_request, response) => drip(response), { timeout: 200 }))())).toBe(
      'egress_timeout',
    )
    expect(await codeOf((await local(() => {}, { timeout: 200 }))())).toBe('egress_timeout')
  })

  test('a server that takes connections and says nothing, and one whose header drips, end in time', async () => {
    const server = net.createServer((socket) => {
      const timer = setInterval(() => socket.write('X-Slow: 1\r\n'), 10)
      socket.on('close', () => clearInterval(timer)).on('error', () => {})
      socket.write('HTTP/1.1 200 OK\r\n')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ends.push(() => server.close())
    const { request } = client({ allow: ['127.0.0.1'], timeout: 200 })
    expect(await codeOf(request(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`))).toBe('egress_timeout')
  })

  test('TLS that never begins ends with the time for connecting', async () => {
    const server = net.createServer((socket) => void socket.on('error', () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ends.push(() => server.close())
    const { request } = client({ allow: ['127.0.0.1'], connectTimeout: 150 })
    expect(await codeOf(request(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`))).toBe('egress_timeout')
  })

  test('a name server that says nothing ends with the time for connecting', async () => {
    const { request } = client({ resolve: () => new Promise(() => {}), connectTimeout: 100 })
    expect(await codeOf(request('http://silent.example/'))).toBe('egress_timeout')
    expect(await codeOf(client().request('http://nothing.example/'))).toBe('egress_failed')
  })

  test('header fields of the connection are ours', async () => {
    const ask = await local(hello)
    for (const name of ['host', 'Content-Length', 'transfer-encoding', 'connection', 'proxy-authorization', 'expect'])
      expect(await codeOf(ask({ headers: { [name]: '1' } })), name).toBe('definition_invalid')
    expect(await codeOf(ask({ headers: { 'x-split': 'a\r\nx-more: b' } }))).toBe('egress_failed')
  })

  test('an answer in another protocol, a broken one and a reset are failures', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (data) => {
        if (data.includes('GET /up'))
          socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')
        else if (data.includes('GET /short')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
        else socket.resetAndDestroy()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ends.push(() => server.close())
    const { request } = client({ allow: ['127.0.0.1'] })
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const path of ['/up', '/short', '/reset']) expect(await codeOf(request(at + path)), path).toBe('egress_failed')
  })
})
