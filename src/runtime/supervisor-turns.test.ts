import { describe, expect, test } from 'vitest'
import { SupervisedTurns } from './supervised-turns.ts'
import type { WorkerMessage } from './supervisor-messages.ts'
import { SupervisorTurns, type TurnTaker } from './supervisor-turns.ts'

function taker(pid: number) {
  const heard: string[] = []
  const made = {
    pid,
    heard,
    send: ({ kind }: { kind: string }) => void heard.push(kind),
    kill: () => void heard.push('killed'),
  }
  return made satisfies TurnTaker & { heard: string[] }
}

function looks(turns: SupervisorTurns, count: number): void {
  for (let at = 0; at < count; at++) turns.look()
}

describe('the turn to write', () => {
  test('goes to who asked first, and the holder hears that it is wanted once', () => {
    const turns = new SupervisorTurns()
    const [one, two, three] = [taker(1), taker(2), taker(3)]
    for (const each of [one, two, three]) turns.want(each)
    expect([one.heard, two.heard, three.heard]).toEqual([['turn', 'turn wanted'], [], []])
    turns.give(one, false)
    expect(two.heard).toEqual(['turn', 'turn wanted'])
    turns.want(one)
    turns.give(two, false)
    turns.give(three, false)
    expect(one.heard).toEqual(['turn', 'turn wanted', 'turn'])
  })
  test('of a process that ended is the next one’s', () => {
    const turns = new SupervisorTurns()
    const [one, two] = [taker(1), taker(2)]
    turns.want(one)
    turns.want(two)
    turns.forget(one)
    expect(two.heard).toEqual(['turn'])
  })
  test('passes over a holder that is busy for a second, and nobody is killed while the file is not locked', () => {
    const turns = new SupervisorTurns(() => true)
    const [one, two] = [taker(1), taker(2)]
    turns.want(one)
    turns.want(two)
    looks(turns, 3)
    expect(two.heard).toEqual([])
    looks(turns, 1)
    expect(two.heard).toEqual(['turn'])
    looks(turns, 200)
    expect(one.heard).not.toContain('killed')
  })
  test.each([
    ['a stopped holder at the next look', true, 1],
    ['a holder that runs after 30 s', false, 117],
  ])('kills %s, once another has found the file locked', (_, isStopped, needed) => {
    const turns = new SupervisorTurns((pid) => isStopped && pid === 1)
    const [one, two] = [taker(1), taker(2)]
    turns.want(one)
    turns.want(two)
    looks(turns, 4)
    turns.give(two, true)
    turns.want(two)
    looks(turns, needed - 1)
    expect(one.heard).not.toContain('killed')
    looks(turns, 1)
    expect(one.heard).toContain('killed')
    expect(two.heard).not.toContain('killed')
  })
})

describe('a process with turns', () => {
  function process() {
    const told: WorkerMessage[] = []
    return { told, turns: new SupervisedTurns((message) => void told.push(message)) }
  }
  test('asks once, and keeps the turn while nobody wants it', () => {
    const { told, turns } = process()
    let came = 0
    expect(turns.take(() => came++)).toBe(false)
    expect(turns.take(() => came++)).toBe(false)
    turns.arrived()
    expect(came).toBe(1)
    turns.give(false)
    expect(turns.take(() => came++)).toBe(true)
    expect(told).toEqual([{ kind: 'want turn' }])
  })
  test('gives it back after its transaction when it is wanted, and at once when it is idle', () => {
    const { told, turns } = process()
    turns.take(() => {})
    turns.arrived()
    turns.wanted()
    expect(told).toHaveLength(1)
    turns.give(false)
    expect(told.at(-1)).toEqual({ kind: 'give turn', refused: false })
    turns.take(() => {})
    turns.arrived()
    turns.give(false)
    turns.wanted()
    expect(told.slice(-2)).toEqual([{ kind: 'want turn' }, { kind: 'give turn', refused: false }])
  })
  test('gives back what somebody outside does not let it use', () => {
    const { told, turns } = process()
    turns.take(() => {})
    turns.arrived()
    turns.give(true)
    expect(told.at(-1)).toEqual({ kind: 'give turn', refused: true })
  })
})
