// What breaks a constraint in the same words on every engine.
import type { EngineWords } from './storage-fixture.ts'

export const values = "'01890000-0000-7000-8000-000000000001', 'title'"
export const key = (n: number) => `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`

export const brokenAlike: EngineWords['broken'] = [
  [
    `insert into person (id, name) values ('${key(2)}', 'ann')`,
    'unique_violation',
    'person',
    [{ path: ['name'], code: 'taken' }],
  ],
  [
    `insert into person (id, name) values ('${key(1)}', 'bob')`,
    'unique_violation',
    'person',
    [{ path: ['id'], code: 'taken' }],
  ],
  [`insert into person (id) values ('${key(2)}')`, 'check_violation', 'person', [{ path: ['name'], code: 'required' }]],
  [
    `insert into post (id, title, likes) values (${values}, -1)`,
    'check_violation',
    'post',
    [{ path: ['likes'], code: 'check' }],
  ],
  [
    `insert into post (id, title, likes) values (${values}, 9007199254740992)`,
    'check_violation',
    'post',
    [{ path: ['likes'], code: 'invalid_type' }],
  ],
]
