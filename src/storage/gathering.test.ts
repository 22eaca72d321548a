import { expect, test } from 'vitest'
import { Gathering } from './gathering.ts'

function open() {
  const loop = { events: 0, now: 0 }
  return { loop, gathering: new Gathering({ events: () => loop.events, now: () => loop.now }) }
}

test('a turn that nobody else comes for waits for one look', () => {
  const { gathering, loop } = open()
  gathering.committed(10)
  for (let turn = 0; turn < 3; turn++) {
    loop.events++
    expect(gathering.isOver()).toBe(false)
    expect(gathering.isOver()).toBe(true)
  }
})

test('while others are served it waits, up to four times as long as a commit takes', () => {
  const { gathering, loop } = open()
  for (let count = 0; count < 100; count++) gathering.committed(0.5)
  const looks: number[] = []
  for (;;) {
    loop.events += 10
    const isOver = gathering.isOver()
    looks.push(loop.now)
    if (isOver) break
    loop.now += 0.25
  }
  expect(looks.at(-1)).toBe(2)
})

test('it never waits for more than five milliseconds', () => {
  const { gathering, loop } = open()
  for (let count = 0; count < 100; count++) gathering.committed(1000)
  expect(gathering.isOver()).toBe(false)
  loop.events++
  loop.now = 4.9
  expect(gathering.isOver()).toBe(false)
  loop.events++
  loop.now = 5
  expect(gathering.isOver()).toBe(true)
})

test('a turn that has waited for something else begins at once, and the next one gathers again', () => {
  const { gathering } = open()
  expect(gathering.isOver()).toBe(false)
  gathering.skip()
  expect(gathering.isOver()).toBe(true)
  expect(gathering.isOver()).toBe(false)
})
