import fc from 'fast-check'
import { wrongValues } from './bad-input-app.ts'

/** One request, as bytes, that must be refused with a 4xx. */
export interface BadRequest {
  family: string
  bytes: Buffer
}

type Arb = fc.Arbitrary<BadRequest>

function bytesOf(method: string, target: string, body: string | Buffer = '', headers: string[] = []): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body) : body
  const typed = content.length > 0 && !headers.some((header) => /^content-type:/i.test(header))
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...headers,
    ...(typed ? ['Content-Type: application/json'] : []),
    ...(content.length > 0 ? [`Content-Length: ${content.length}`] : []),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), content])
}

const thing = { name: 'a thing' }
const missing = '01890000-0000-7000-8000-000000000000'
/** Where a body is read, and what it would be if it were right. */
const places: [method: string, target: string][] = [
  ['POST', '/things'],
  ['PUT', `/things/${missing}`],
  ['PATCH', `/things/${missing}`],
]
const place = fc.constantFrom(...places)

const malformedJson: Arb = fc
  .tuple(
    place,
    fc.constantFrom(
      '{',
      '[',
      '{"a":}',
      '{"name":"x",}',
      "{'name':'x'}",
      '{"name":01}',
      'NaN',
      '{"a":1}{',
      '\u00a0{}',
      '{"name":"\u0001"}',
      '{"name":"x"',
      'undefined',
      '{"name":"\\x"}',
      '{"name":"x","name":"y"}',
      'nul',
    ),
    fc.string({ maxLength: 5 }),
  )
  .map(([[method, target], text, tail]) => ({
    family: 'malformed JSON',
    bytes: bytesOf(method, target, text + (text === '{' ? tail : '')),
  }))

const otherRoots: Arb = fc
  .tuple(place, fc.constantFrom('null', '1', '"x"', 'true', '[[]]', '[1]', '[null]', '{}'))
  .filter(([[method], text]) => !(method === 'PATCH' && text === '{}'))
  .map(([[method, target], text]) => ({ family: 'another root', bytes: bytesOf(method, target, text) }))

const wrong = Object.entries(wrongValues).flatMap(([field, values]) => values.map((value) => [field, value] as const))
const wrongTypes: Arb = fc.tuple(place, fc.constantFrom(...wrong)).map(([[method, target], [field, value]]) => ({
  family: 'a wrong value',
  bytes: bytesOf(method, target, JSON.stringify({ ...thing, [field]: value })),
}))

const known = new Set([...Object.keys(wrongValues), 'secret'])
const unknownFields: Arb = fc
  .tuple(
    place,
    fc.string({ minLength: 1, maxLength: 12 }).filter((name) => !known.has(name)),
    fc.jsonValue(),
  )
  .map(([[method, target], name, value]) => ({
    family: 'an unknown field',
    bytes: bytesOf(method, target, JSON.stringify({ ...thing, [name]: value })),
  }))

const prototypeKeys: Arb = fc
  .tuple(
    place,
    fc.constantFrom(
      '"__proto__":{"x":1}',
      '"constructor":{"prototype":{"x":1}}',
      '"prototype":1',
      '"toString":1',
      '"\\u005f_proto__":1',
      '"extra":{"__proto__":{"x":1}}',
      '"extra":[{"constructor":{"prototype":{}}}]',
    ),
  )
  .map(([[method, target], member]) => ({
    family: 'a prototype key',
    bytes: bytesOf(method, target, `{"name":"x",${member}}`),
  }))

const deepNesting: Arb = fc
  .tuple(place, fc.integer({ min: 65, max: 20_000 }), fc.boolean())
  .map(([[method, target], depth, objects]) => {
    const value = objects ? `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}` : `${'['.repeat(depth)}${']'.repeat(depth)}`
    return { family: 'deep nesting', bytes: bytesOf(method, target, `{"name":"x","extra":${value}}`) }
  })

const hugeBodies: Arb = fc
  .tuple(place, fc.integer({ min: 1_048_577, max: 1_200_000 }))
  .map(([[method, target], size]) => ({
    family: 'a huge body',
    bytes: bytesOf(method, target, `{"name":"${'x'.repeat(size - 11)}"}`),
  }))

const hugeNumbers: Arb = fc
  .tuple(
    place,
    fc.constantFrom('count', 'weight', 'price', 'shelf'),
    fc.constantFrom('1e999', '-1e999', '9'.repeat(400), '1'.padEnd(60, '0'), '9007199254740993'),
  )
  .filter(
    ([, field, number]) =>
      !(field === 'weight' && number === '9007199254740993') && !(field === 'weight' && number.startsWith('1000')),
  )
  .map(([[method, target], field, number]) => ({
    family: 'a huge number',
    bytes: bytesOf(method, target, `{"name":"x","${field}":${number}}`),
  }))

const invalidUtf8: Arb = fc
  .tuple(
    place,
    fc.constantFrom(
      [0xff],
      [0xc3],
      [0xe2, 0x82],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xc0, 0xaf],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
    ),
  )
  .map(([[method, target], broken]) => ({
    family: 'invalid UTF-8',
    bytes: bytesOf(method, target, Buffer.concat([Buffer.from('{"name":"'), Buffer.from(broken), Buffer.from('"}')])),
  }))

const encode = (text: string) => encodeURIComponent(text.toWellFormed())
const field = fc.constantFrom('count', 'name', 'price', 'day', 'at', 'done', 'big', 'state', 'shelf', 'id')
const hostileFilters: Arb = fc
  .oneof(
    fc
      .tuple(field, fc.constantFrom('gtt', '$gt', 'regex', '__proto__', 'constructor', '', ' ', 'eq;drop'))
      .map(([name, operator]) => `${name}[${encode(operator)}]=1`),
    fc.constantFrom(
      'count=x',
      'count[gte]=',
      'count[between]=1',
      'count[in]=1,x',
      'done=maybe',
      'day=2026-99-99',
      'at[lt]=never',
      'big=99999999999999999999',
      'price=abc',
      'state=other',
      'state[gt]=zzz',
      'id=1',
      'shelf=x',
    ),
    fc.constantFrom(
      'secret=x',
      'secret[null]=true',
      'sort=secret',
      'fields=secret',
      'sort=nothing',
      'sort=-',
      'sort=name;',
      'fields=nothing',
      'fields=',
      'include=nothing',
      'include=secret',
      'include=shelf.things.shelf.things.shelf.things',
    ),
    fc.constantFrom(
      'limit=0',
      'limit=-1',
      'limit=1e9',
      'limit=x',
      'limit=1.5',
      'limit=999999',
      'limit=1&limit=2',
      'offset=-1',
      'nothing=1',
      '__proto__=1',
      '__proto__[x]=1',
      'constructor[prototype]=1',
      'name[contains][x]=1',
      'name[=1',
      'name]=1',
      'not[count]=x',
      'or[0][count]=x',
    ),
    fc
      .string({ minLength: 1, maxLength: 20 })
      .filter(
        (text) => !known.has(text) && !/^(sort|limit|after|before|include|fields|search|offset|count)$/.test(text),
      )
      .map((text) => `${encode(text)}=1`),
    fc.integer({ min: 201, max: 400 }).map((many) => Array.from({ length: many }, () => 'count=1').join('&')),
  )
  .map((query) => ({ family: 'a hostile filter', bytes: bytesOf('GET', `/things?${query}`) }))

const cursors: Arb = fc
  .oneof(
    fc.string({ maxLength: 40 }).map(encode),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
    fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    fc.constantFrom('null', '..%2f..', '%00', 'W10', 'e30', "'%20or%201=1--", 'x'.repeat(4000)),
  )
  .map((cursor) => ({ family: 'a hostile cursor', bytes: bytesOf('GET', `/things?after=${cursor || 'x'}`) }))

const queryBodies: Arb = fc
  .constantFrom(
    '{"where":{"count":{"gtt":1}}}',
    '{"where":{"nothing":1}}',
    '{"where":[]}',
    '{"where":1}',
    '{"where":{"or":1}}',
    '{"where":{"count":{"in":1}}}',
    '{"sort":1}',
    '{"limit":"x"}',
    '{"nothing":1}',
    '[]',
    '1',
    '{"where":{"secret":"x"}}',
    `{"where":${'{"not":'.repeat(30)}{"count":1}${'}'.repeat(30)}}`,
    `{"where":{"count":{"in":[${'1,'.repeat(1500)}1]}}}`,
  )
  .map((body) => ({ family: 'a hostile QUERY', bytes: bytesOf('QUERY', '/things', body) }))

const targets: Arb = fc
  .oneof(
    fc.constantFrom(
      '/things/%',
      '/things/%zz',
      '/things/%ff',
      '/things/%00',
      '/nothing',
      '//things',
      '/things/..%2f..',
      `/things/${'x'.repeat(9000)}`,
      '/things/../../etc/passwd',
      '/typed/0',
      '/shelves/x',
      '/shelves/1.5',
      '/shelves/99999999999999999999',
    ),
    fc.string({ minLength: 1, maxLength: 30 }).map((text) => `/things/${encode(text) || 'x'}`),
  )
  .filter((target) => target !== '/things/.' && target !== '/things/..')
  .map((target) => ({ family: 'a wrong address', bytes: bytesOf('GET', target) }))

const heads: Arb = fc
  .constantFrom<[string, string, string, string[]]>(
    ['POST', '/things', '{"name":"x"}', ['Content-Type: text/plain']],
    ['POST', '/things', '{"name":"x"}', ['Content-Type: application/xml']],
    ['POST', '/things', '{"name":"x"}', ['Content-Type: application/json; charset=utf-16']],
    ['POST', '/things', '{"name":"x"}', ['Content-Encoding: gzip']],
    ['POST', '/things', '{"name":"x"}', ['Idempotency-Key: ']],
    ['POST', '/things', '{"name":"x"}', [`Idempotency-Key: ${'k'.repeat(256)}`]],
    ['POST', '/things', '{"name":"x"}', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
    ['POST', '/things', '{"name":"x"}', ['Content-Length: 12', 'Content-Length: 13']],
    ['GET', '/things', '', ['Accept: image/png']],
    ['GET', '/things', '', [`X-Long: ${'x'.repeat(20_000)}`]],
    ['GET', '/things', '', Array.from({ length: 150 }, (_, at) => `X-${at}: 1`)],
    ['GET', '/things', '', ['Bad Header: 1']],
    ['BREW', '/things', '', []],
    ['DELETE', '/things', '', []],
    ['PUT', '/things', '{"name":"x"}', []],
    ['POST', `/things/${missing}`, '{"name":"x"}', []],
    ['PATCH', `/things/${missing}`, '{"name":"x"}', ['If-Match: "9"']],
    ['DELETE', `/things/${missing}`, '', []],
    ['POST', '/typed/1?mode=c', '{"text":"x","list":[]}', []],
    ['POST', '/typed/x', '{"text":"x","list":[]}', []],
    ['POST', '/typed/1', '{"text":"01234567890","list":[]}', []],
    ['POST', '/typed/1', '{"text":"x","list":[1,2,3,4]}', []],
    ['POST', '/typed/1', '', []],
  )
  .map(([method, target, body, headers]) => ({ family: 'a wrong head', bytes: bytesOf(method, target, body, headers) }))

/** Every family, each as likely as the others; bodies over a megabyte are rare, because they are slow. */
export const badRequests: Arb = fc.oneof(
  ...[
    malformedJson,
    otherRoots,
    wrongTypes,
    unknownFields,
    prototypeKeys,
    deepNesting,
    hugeNumbers,
    invalidUtf8,
    hostileFilters,
    cursors,
    queryBodies,
    targets,
    heads,
  ].map((arbitrary) => ({ arbitrary, weight: 10 })),
  { arbitrary: hugeBodies, weight: 1 },
)
