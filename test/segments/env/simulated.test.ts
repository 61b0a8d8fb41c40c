import { describe, expect, test } from 'vitest'
import type { Call } from '../../../segments/env/environment.ts'
import { code, content, machine, outcomes } from './machine.ts'
import { Files } from './worlds.ts'

describe('for tests', () => {
  test('a flipped bit is on the disk and in the cache', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', Uint8Array.of(0, 0))
    sim.files.flip('/log/a', 9)
    expect(sim.files.read('/log/a')).toEqual(Uint8Array.of(0, 2))
    expect(files.content('a')).toBe('\0\x02')
    expect(sim.crash(1).files.readDisk('/log/a')).toEqual(Uint8Array.of(0, 2))
    expect(() => sim.files.flip('/log/a', 16)).toThrow(RangeError)
  })

  test('files can be listed, replaced and removed past all calls, durably', () => {
    const { sim } = machine()
    sim.files.makeDirectory('/log/x/y')
    for (const path of ['/log/x/y/f', '/log/b', '/log/a']) sim.files.write(path, Uint8Array.of(1, 2, 3))
    sim.files.write('/log/a', Uint8Array.of(4))
    sim.files.remove('/log/b')
    sim.files.placeOther('/log/l', 'link')
    const after = sim.crash(1, { unsynced: 'lost' })
    expect(after.files.paths()).toEqual(['/log/a', '/log/l', '/log/x/y/f'])
    expect(after.files.read('/log/a')).toEqual(Uint8Array.of(4))
    expect(sim.calls.count).toBe(0)
  })

  test('a clone goes its own way', () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    files.write(a, 0, 'same')
    const twin = sim.clone(1)
    const twins = new Files(twin, '/log')
    twins.write(twins.open('a', 'write'), 0, 'twin')
    files.write(a, 0, 'mine')
    files.sync(a)
    files.syncDirectory()
    expect([files.content('a'), twins.content('a')]).toEqual(['mine', 'twin'])
    expect(outcomes(twin, content)).toContain(undefined)
    expect(outcomes(sim, content)).toEqual(new Set(['mine']))
  })

  test('a trace tells sizes, order and failures', async () => {
    const { sim, files } = machine(1, { trace: true })
    const a = files.open('a', 'create')
    files.write(a, 10, 'abc')
    await files.later({ do: 'sync', handle: a })
    files.codeNow({ do: 'unlink', path: '/log/b' })
    expect(sim.calls.trace).toEqual([
      { index: 1, do: 'open', path: '/log/a', mode: 'called' },
      { index: 2, do: 'write', path: '/log/a', position: 10, length: 3, mode: 'called' },
      { index: 3, do: 'sync', path: '/log/a', mode: 'started' },
      { index: 4, do: 'unlink', path: '/log/b', mode: 'called', failed: 'ENOENT' },
    ])
  })

  test('time stands still until it is moved, and timers run in order of time', async () => {
    const { sim } = machine()
    const seen: string[] = []
    const from = sim.nowMs()
    const again = (): void => {
      seen.push(`tick ${sim.monotonicMs()}`)
      sim.after(10, again)
    }
    sim.after(10, again)
    sim.after(15, () => seen.push('once'))
    await sim.settle()
    expect(seen).toEqual([])
    await sim.advance(25)
    expect(seen).toEqual(['tick 10', 'once', 'tick 20'])
    expect([sim.monotonicMs(), sim.nowMs() - from]).toEqual([25, 25])
    sim.clock.jump(-1_000_000)
    expect([sim.monotonicMs(), sim.nowMs() - from]).toEqual([25, 25 - 1_000_000])
    await sim.advance(5)
    expect(seen.at(-1)).toBe('tick 30')
  })

  test('work is driven through its timers, and work that nothing can end is named', async () => {
    const { sim } = machine()
    const slept = new Promise<number>((resolve) =>
      sim.after(500, () => sim.after(500, () => resolve(sim.monotonicMs()))),
    )
    expect(await sim.drive(slept)).toBe(1_000)
    await expect(sim.drive(Promise.reject(new Error('its own')))).rejects.toThrow('its own')
    await expect(sim.drive(new Promise(() => undefined))).rejects.toThrow('nothing is left')
  })

  test('what is neither file nor directory stays unopened', () => {
    const { sim } = machine()
    const open = (path: string): Call => ({ do: 'open', path, access: 'read' })
    for (const is of ['link', 'pipe', 'socket'] as const) sim.files.placeOther(`/log/${is}`, is)
    const codes = ['link', 'pipe', 'socket'].map((is) => code(() => sim.call(open(`/log/${is}`))))
    expect(codes).toEqual(['ELOOP', 'EINVAL', 'EINVAL'])
  })
})
