import { describe, expect, test } from 'vitest'
import { type SimulatedEnvironment } from '../../../segments/env/simulated.ts'
import { code, content, machine, outcomes, SEEDS } from './machine.ts'
import { Files, text, writing } from './worlds.ts'

describe('after a kill', () => {
  test('all performed calls remain, on the same boot, and handles are gone', () => {
    const { sim, files } = machine()
    files.create('a', 'abc')
    const handle = files.open('a', 'write')
    const after = sim.kill(1)
    expect(new Files(after, '/log').content('a')).toBe('abc')
    expect(code(() => after.call({ do: 'size', handle }))).toBe('EBADF')
    expect(after.identity.bootId).toBe(sim.identity.bootId)
    expect(after.identity.pid).not.toBe(sim.identity.pid)
    expect(after.startTimeOf(sim.identity.pid)).toBeUndefined()
    expect(outcomes(after, content).size).toBeGreaterThan(3)
  })

  test('its sockets are dead and their names stay', async () => {
    const { sim } = machine()
    await new Promise<void>((resolve) => sim.listen('/log/lock', () => resolve()))
    const probed = (env: SimulatedEnvironment) => new Promise((resolve) => env.probe('/log/lock', resolve))
    const beside = sim.spawn(1)
    expect(await probed(beside)).toBe('alive')
    expect(beside.startTimeOf(sim.identity.pid)).toBe(sim.identity.startTime)
    const after = sim.kill(1)
    expect(await probed(after)).toBe('dead')
    expect(beside.dead).toBe(false)
    beside.files.syncAll()
    expect(await probed(beside.crash(1))).toBe('dead')
  })

  test('a started write lands wholly, in part or not at all', () => {
    const found = new Set<string>()
    for (const seed of SEEDS.slice(0, 100)) {
      const { sim, files } = machine()
      files.create('a')
      sim.hold((call) => call.do === 'write')
      sim.start(writing(files.open('a', 'write'), 0, 'abc'), () => expect.unreachable())
      found.add(text(sim.kill(seed).files.read('/log/a')))
    }
    expect([...found].sort()).toEqual(['', 'a', 'ab', 'abc'])
  })

  test('nothing that was started, deferred or set ever happens in a dead process', async () => {
    for (const seed of SEEDS.slice(0, 30)) {
      const { sim, files } = machine(seed)
      files.create('a')
      const happened: string[] = []
      if (seed % 2 === 0) sim.start({ do: 'stat', path: '/log/a' }, () => happened.push('call'))
      sim.defer(() => happened.push('task'))
      sim.after(1, () => happened.push('timer'))
      sim.watch('/log', () => happened.push('watch'))
      const after = sim.kill(1)
      new Files(after, '/log').create('b')
      sim.start({ do: 'stat', path: '/log/a' }, () => happened.push('call'))
      sim.defer(() => happened.push('task'))
      await after.advance(100)
      await sim.settle()
      expect(happened).toEqual([])
    }
  })
})

describe('started calls', () => {
  test('a call lands before or behind synchronous calls that came later', async () => {
    const found = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const { sim, files } = machine(seed)
      const a = files.open('a', 'create')
      sim.start(writing(a, 0, 'late'), () => undefined)
      files.write(a, 0, 'soon')
      await sim.settle()
      found.add(files.content('a') ?? '')
    }
    expect([...found].sort()).toEqual(['late', 'soon'])
  })

  test('a call may land between two synchronous ones that follow each other', () => {
    const found = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const { sim, files } = machine(seed)
      const a = files.open('a', 'create')
      sim.start(writing(a, 0, 'late'), () => undefined)
      const early = files.size(a)
      files.write(a, 8, 'soon')
      found.add(`${early} ${files.read(a, 0, 4)}`)
    }
    expect([...found].sort()).toEqual(['0 \0\0\0\0', '0 late', '4 late'])
  })

  test('calls started together are reported in any order', async () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const { sim } = machine(seed)
      const order: number[] = []
      for (const i of [1, 2, 3]) sim.start({ do: 'stat', path: '/log' }, () => order.push(i))
      await sim.settle()
      orders.add(order.join(''))
    }
    expect(orders.size).toBe(6)
  })

  test('a write takes the bytes of its buffer when it lands, so reuse of a buffer in flight is caught', async () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    const release = sim.hold((call) => call.do === 'write')
    const from = new TextEncoder().encode('right')
    let reported = false
    sim.start(writing(a, 0, from), () => (reported = true))
    from.set(new TextEncoder().encode('wrong'))
    await sim.settle()
    expect([files.content('a'), reported]).toEqual(['', false])
    release()
    await sim.settle()
    expect([files.content('a'), reported]).toEqual(['wrong', true])
  })

  test('a write that lands after a close hits the file that got its handle', async () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    const release = sim.hold((call) => call.do === 'write')
    sim.start(writing(a, 0, 'stray'), () => undefined)
    files.close(a)
    expect(files.open('b', 'create')).toBe(a)
    release()
    await sim.settle()
    expect([files.content('a'), files.content('b')]).toEqual(['', 'stray'])
  })

  test('a started call may have happened in part when the power is cut, also a durable one', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(4))
    sim.hold((call) => call.do === 'write' || call.do === 'unlink')
    const buffer = new TextEncoder().encode('abcd')
    sim.start(writing(files.open('a', 'write', true), 0, buffer), () => undefined)
    sim.die()
    buffer.fill(0x78)
    const found = outcomes(sim, content)
    for (const expected of ['\0\0\0\0', 'abcd', 'ab\0\0']) expect(found).toContain(expected)
    expect([...found].join('')).not.toContain('x')
  })

  test('a sync in flight when the power is cut may have happened or not', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('old'))
    const a = files.open('a', 'write')
    files.write(a, 0, 'new')
    sim.hold((call) => call.do === 'sync')
    sim.start({ do: 'sync', handle: a }, () => undefined)
    const share = SEEDS.filter((seed) => content(new Files(sim.crash(seed), '/log')) === 'new').length / SEEDS.length
    expect(share).toBeGreaterThan(0.5)
    expect(share).toBeLessThan(0.9)
  })

  test('equal seeds give equal orders', async () => {
    const run = async (seed: number): Promise<string> => {
      const { sim, files } = machine(seed, { trace: true })
      const a = files.open('a', 'create')
      const seen: string[] = []
      for (let i = 0; i < 20; i++) {
        sim.start(writing(a, i, 'abcdefgh'.slice(i % 8)), () => seen.push(`w${i}`))
        sim.defer(() => seen.push(`d${i}`))
        if (i % 3 === 0) files.write(a, i, '-')
      }
      await sim.settle()
      return JSON.stringify([seen, sim.calls.trace, files.content('a'), [...sim.randomBytes(4)]])
    }
    expect(await run(5)).toBe(await run(5))
    expect(await run(5)).not.toBe(await run(6))
  })
})
