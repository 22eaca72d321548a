import { backend, define, endpoint, MonoblocError, model, t } from 'monobloc'
import { describe, expect, test } from 'vitest'

const Note = model('note', { id: t.id() })
const { resource } = define({ models: { Note } })
const hello = endpoint('GET /', { handle: () => 1 })

describe('what JavaScript lets one write, and TypeScript does not', () => {
  test.each<[string, () => unknown, string]>([
    [
      'an unknown option of a backend',
      () => backend({ serv: [hello] } as never),
      '"serv" is no option; did you mean serve?',
    ],
    ['no options', () => backend(undefined as never), 'backend() takes an object of options.'],
    ['what is no list', () => backend({ serve: hello } as never), 'serve is a list'],
    [
      'an unknown option of an endpoint',
      () => endpoint('GET /', { handler: () => 1 } as never),
      '"handler" is no option; did you mean handle?',
    ],
    ['an endpoint without a function', () => endpoint('GET /', {} as never), 'handle is the function'],
    ['an endpoint without a route', () => endpoint({} as never, { handle: () => 1 }), 'write a method and a path'],
    [
      'an unknown option of a resource',
      () => resource(Note, { at: '/notes', includes: [] } as never),
      'did you mean include?',
    ],
    ['a resource without a model', () => resource({} as never, { at: '/notes' }), 'takes a model first'],
    ['an unknown option of a model', () => model('n', { id: t.id() }, { index: [] } as never), 'did you mean indexes?'],
    ['an unknown option of define', () => define({ models: {}, users: Note } as never), 'did you mean user?'],
    ['no models', () => define({} as never), 'models is an object of models'],
    [
      'an unknown code',
      () => new MonoblocError('not_fond' as never),
      '"not_fond" is no code of an error; did you mean not_found?',
    ],
    ['a code of a prototype', () => new MonoblocError('toString' as never), '"toString" is no code of an error'],
    ['an option that is like none', () => backend({ serve: [], qqqqqqq: 1 } as never), 'It takes name, version'],
  ])('is refused with what to do: %s', (_, make, text) => {
    const expected = { code: 'definition_invalid', message: expect.stringContaining(text) }
    expect(make).toThrow(expect.objectContaining(expected))
  })
})
