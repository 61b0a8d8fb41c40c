import { describe, expect, test } from 'vitest'
import { type SimulatedEnvironment } from '../../../segments/env/simulated.ts'
import { code, content, machine, outcomes, SEEDS } from './machine.ts'
import { Files, text } from './worlds.ts'

describe('after a power cut', () => {
  test('what was synced is there, in any case', () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    files.write(a, 0, 'A'.repeat(5_000))
    files.sync(a)
    files.syncDirectory()
    files.write(a, 5_000, 'B'.repeat(5_000))
    const found = outcomes(sim, (after) => content(after)?.slice(0, 5_000), { garbage: true })
    expect(found).toEqual(new Set(['A'.repeat(5_000)]))
  })

  test('a synced file without a synced name may be gone, and so may the synced file of a name', () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    files.write(a, 0, 'abc')
    files.sync(a)
    expect(outcomes(sim, content)).toEqual(new Set([undefined, 'abc']))
  })

  test('a synced name does not make bytes or the length durable', () => {
    const { sim, files } = machine()
    files.create('a', 'abc')
    files.syncDirectory()
    const found = outcomes(sim, content)
    for (const expected of ['', 'abc', '\0\0\0', 'ab\0', '\0bc']) expect(found).toContain(expected)
    expect(found).not.toContain(undefined)
  })

  test('each sector of an unsynced write is there or not, by itself', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(1_536))
    files.write(files.open('a', 'write'), 0, 'x'.repeat(1_536))
    const whole = new Set<string>()
    for (const seed of SEEDS) {
      const found = text(sim.crash(seed).files.read('/log/a'))
      const sectors = [0, 1, 2].map((i) => found.slice(i * 512, i * 512 + 512))
      if (sectors.every((s) => s === 'x'.repeat(512) || s === '\0'.repeat(512))) {
        whole.add(sectors.map((s) => s[0]).join(''))
      } else expect(sectors.join('')).toMatch(/^[x\0]*$/)
    }
    expect(whole.size).toBe(8)
  })

  test('a sector may be torn at any byte', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(4))
    files.write(files.open('a', 'write'), 0, 'wxyz')
    const found = outcomes(sim, content)
    for (const torn of ['wx\0\0', 'w\0\0\0', '\0\0yz', '\0x\0\0']) expect(found).toContain(torn)
  })

  test('of two unsynced writes the second may be there without the first', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(2_000))
    const a = files.open('a', 'write')
    files.write(a, 0, 'first')
    files.write(a, 1_000, 'second')
    const found = outcomes(sim, (after) => {
      const all = content(after) ?? ''
      return [all.slice(0, 5) === 'first', all.slice(1_000, 1_006) === 'second'].join()
    })
    expect([...found].sort()).toEqual(['false,false', 'false,true', 'true,false', 'true,true'])
  })

  test('garbage lies only where a write would have changed bytes, and only when asked for', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('aaaaaaaa' + '\0'.repeat(8)))
    files.write(files.open('a', 'write'), 0, 'aaaaaaaabbbb')
    const garbage = (found: unknown): boolean => /[^\0ab]/.test(found as string)
    expect([...outcomes(sim, content)].some(garbage)).toBe(false)
    const found = outcomes(sim, content, { garbage: true })
    expect([...found].some(garbage)).toBe(true)
    for (const each of found) {
      expect((each as string).slice(0, 8)).toBe('aaaaaaaa')
      expect((each as string).slice(-4)).toBe('\0\0\0\0')
    }
  })

  test('a durable write is there with the length that it needs, and makes no other write durable', () => {
    const { sim, files } = machine()
    const plain = files.open('a', 'create')
    files.syncDirectory()
    files.write(plain, 0, 'AAAA')
    files.write(files.open('a', 'write', true), 4, 'BBBB')
    files.write(plain, 8, 'CCCC')
    const found = [...outcomes(sim, content)] as string[]
    for (const each of found) expect(each.slice(4, 8)).toBe('BBBB')
    for (const expected of ['AAAABBBBCCCC', '\0\0\0\0BBBB', 'AAAABBBB', '\0\0\0\0BBBB\0\0\0\0', '\0\0\0\0BBBBCCCC']) {
      expect(found).toContain(expected)
    }
  })

  test('an unsynced write never comes back over a later durable one', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(4))
    files.write(files.open('a', 'write'), 0, 'old!')
    files.write(files.open('a', 'write', true), 0, 'NEW!')
    expect(outcomes(sim, content)).toEqual(new Set(['NEW!']))
  })

  test('an unsynced cut may have happened or not, and a regrown file holds the old bytes or zeros', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('abcdef'))
    const handle = files.open('a', 'write')
    sim.call({ do: 'truncate', handle, size: 2 })
    expect(outcomes(sim, content)).toEqual(new Set(['abcdef', 'ab']))
    const again = sim.clone(1)
    const grown = new Files(again, '/log')
    again.call({ do: 'truncate', handle: grown.open('a', 'write'), size: 4 })
    expect(outcomes(again, content)).toEqual(new Set(['abcdef', 'ab', 'ab\0\0']))
    again.files.syncAll()
    expect(outcomes(again, content)).toEqual(new Set(['ab\0\0']))
  })

  test('a rename without a directory sync leaves either name, both or none', () => {
    const { sim } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('abc'))
    sim.call({ do: 'rename', from: '/log/a', to: '/log/b' })
    const names = (after: Files): string => after.names().join()
    expect(outcomes(sim, names)).toEqual(new Set(['a', 'b', 'a,b', '']))
    const synced = sim.clone(1)
    synced.call({ do: 'syncDirectory', path: '/log' })
    expect(outcomes(synced, names)).toEqual(new Set(['b']))
  })

  test.each<[string, (sim: SimulatedEnvironment) => void, string[]]>([
    ['create', (sim) => sim.call({ do: 'open', path: '/log/c', access: 'create' }), ['a', 'a,c']],
    ['link', (sim) => sim.call({ do: 'link', from: '/log/a', to: '/log/c' }), ['a', 'a,c']],
    ['unlink', (sim) => sim.call({ do: 'unlink', path: '/log/a' }), ['a', '']],
    ['makeDirectory', (sim) => sim.call({ do: 'makeDirectory', path: '/log/c' }), ['a', 'a,c']],
  ])('%s happened or not until the directory is synced', (_do, act, expected) => {
    const { sim } = machine()
    sim.files.write('/log/a', new Uint8Array(1))
    act(sim)
    const names = (after: Files): string => after.names().join()
    expect(outcomes(sim, names)).toEqual(new Set(expected))
    const synced = sim.clone(1)
    synced.call({ do: 'syncDirectory', path: '/log' })
    expect(outcomes(synced, names)).toEqual(new Set([expected[1]]))
  })

  test('two names of one file are one file after it too', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('abc'))
    sim.call({ do: 'link', from: '/log/a', to: '/log/b' })
    files.syncDirectory()
    const after = new Files(sim.crash(1), '/log')
    after.write(after.open('a', 'write'), 0, 'xyz')
    expect(after.content('b')).toBe('xyz')
  })

  test('what one crash left is durable, and is what the next one starts from', () => {
    const { sim, files } = machine()
    files.create('a', 'abcdefgh')
    files.syncDirectory()
    for (const seed of SEEDS.slice(0, 50)) {
      const once = sim.crash(seed)
      const found = once.files.read('/log/a')
      expect(once.files.readDisk('/log/a')).toEqual(found)
      expect(once.crash(seed + 1).files.read('/log/a')).toEqual(found)
    }
  })

  test('bytes beyond a length that did not happen do not come back when the file grows', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(10))
    files.write(files.open('a', 'write'), 5, 'x'.repeat(20))
    let seen = 0
    for (const seed of SEEDS) {
      const after = new Files(sim.crash(seed), '/log')
      if (after.content('a')?.length !== 10) continue
      seen++
      after.env.call({ do: 'truncate', handle: after.open('a', 'write'), size: 30 })
      expect(after.content('a')?.slice(10)).toBe('\0'.repeat(20))
    }
    expect(seen).toBeGreaterThan(50)
  })

  test('a buffer that was written is free again, whatever becomes of the write', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new Uint8Array(3))
    const from = new TextEncoder().encode('abc')
    files.write(files.open('a', 'write'), 0, from)
    from.fill(0x78)
    expect(outcomes(sim, content, { unsynced: 'kept' })).toEqual(new Set(['abc']))
    expect([...outcomes(sim, content)].join('')).not.toContain('x')
  })

  test('after it unsynced writes are unsynced again', () => {
    const { sim, files } = machine()
    files.create('a', 'abc')
    sim.files.syncAll()
    const once = sim.crash(1)
    const after = new Files(once, '/log')
    after.write(after.open('a', 'write'), 0, 'xyz')
    expect(outcomes(once, content, { unsynced: 'lost' })).toEqual(new Set(['abc']))
  })

  test('`lost` and `kept` are the two ends', () => {
    const { sim, files } = machine()
    files.syncDirectory()
    files.create('a', 'abc')
    expect(outcomes(sim, content, { unsynced: 'lost' })).toEqual(new Set([undefined]))
    expect(outcomes(sim, content, { unsynced: 'kept' })).toEqual(new Set(['abc']))
  })

  test('the same seed leaves the same, and crashes do not change the machine that crashed', () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    for (let i = 0; i < 20; i++) files.write(a, i * 700, String(i).repeat(300))
    const first = SEEDS.map((seed) => content(new Files(sim.crash(seed), '/log')))
    const second = SEEDS.map((seed) => content(new Files(sim.crash(seed), '/log')))
    expect(second).toEqual(first)
    expect(new Set(first).size).toBeGreaterThan(100)
  })

  test('boot, pid and start time are new, and the old process is gone', () => {
    const { sim } = machine()
    const before = sim.identity
    const after = sim.crash(1)
    expect(after.identity.bootId).not.toBe(before.bootId)
    expect(after.identity.pid).not.toBe(before.pid)
    expect(after.startTimeOf(before.pid)).toBeUndefined()
    expect(after.startTimeOf(after.identity.pid)).toBe(after.identity.startTime)
    expect(sim.dead).toBe(true)
    expect(code(() => sim.call({ do: 'list', path: '/log' }))).toBe('dead')
  })
})
