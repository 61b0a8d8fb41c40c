import { describe, expect, test } from 'vitest'
import { type FaultOutcome, SimulatedDeath } from '../../../segments/env/simulated.ts'
import { code, content, machine, outcomes } from './machine.ts'
import { Files, text, writing } from './worlds.ts'

describe('faults', () => {
  const failing: [FaultOutcome, string, number][] = [
    ['EIO', 'EIO', -5],
    ['ENOSPC', 'ENOSPC', -28],
    ['EMFILE', 'EMFILE', -24],
    ['EFBIG', 'EFBIG', -27],
    ['EDQUOT', 'UNKNOWN', -122],
    ['done-but-reported-failed', 'EIO', -5],
    [{ bytes: 1, error: 'ENOSPC' }, 'ENOSPC', -28],
  ]
  test.each(failing)('%s has the code and number that Node would give', (outcome, expected, errno) => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    sim.calls.failAt(sim.calls.count + 1, outcome)
    let failed: unknown
    try {
      files.write(a, 0, 'abc')
    } catch (error) {
      failed = error
    }
    expect(failed).toMatchObject({ code: expected, errno })
    const done = outcome === 'done-but-reported-failed' ? 'abc' : typeof outcome === 'object' ? 'a' : ''
    expect(files.content('a')).toBe(done)
    expect(files.write(a, 0, 'abc')).toBe(3)
  })

  test('a rule strikes the calls that it matches, as often as it says, now and later', async () => {
    const { sim, files } = machine()
    const a = files.open('a', 'create')
    sim.calls.fault({ when: (call) => call.do === 'write' && call.path === '/log/a', outcome: { bytes: 2 }, times: 2 })
    expect(files.write(a, 0, 'abc')).toBe(2)
    expect(await files.later(writing(a, 0, 'abc'))).toBe(2)
    expect(files.write(a, 0, 'abc')).toBe(3)
    sim.calls.fault({ when: (call) => call.mode === 'started', outcome: 'EIO', times: Infinity })
    expect(await files.codeLater({ do: 'sync', handle: a })).toBe('EIO')
    expect(await files.codeLater({ do: 'sync', handle: a })).toBe('EIO')
    expect(files.codeNow({ do: 'sync', handle: a })).toBeUndefined()
    sim.calls.clearFaults()
    expect(await files.codeLater({ do: 'sync', handle: a })).toBeUndefined()
  })

  test('after a failed sync that dropped its pages reads show the bytes, the next sync says OK, the disk is old', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('old'))
    const a = files.open('a', 'write')
    files.write(a, 0, 'new')
    sim.calls.failAt(sim.calls.count + 1, 'sync-fails-and-drops-dirty-pages')
    expect(code(() => files.sync(a))).toBe('EIO')
    expect(files.content('a')).toBe('new')
    files.sync(a)
    files.write(a, 3, '+')
    files.sync(a)
    const killed = sim.kill(1)
    expect(new Files(killed, '/log').content('a')).toBe('new+')
    expect(outcomes(killed, content)).toEqual(new Set(['old+']))
  })

  test('after a failed sync that kept its pages the next one makes them durable', () => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('old'))
    const a = files.open('a', 'write')
    files.write(a, 0, 'new')
    sim.calls.failAt(sim.calls.count + 1, 'sync-fails-and-keeps-pages')
    expect(code(() => files.sync(a))).toBe('EIO')
    expect(outcomes(sim.clone(1), content)).toContain('old')
    files.sync(a)
    expect(outcomes(sim, content)).toEqual(new Set(['new']))
  })

  test.each<[FaultOutcome, string[]]>([
    ['sync-fails-and-drops-dirty-pages', ['old']],
    ['sync-fails-and-keeps-pages', ['old', 'new']],
    ['done-but-reported-failed', ['new']],
  ])('a durable write with %s is seen, and on disk as that says', (outcome, expected) => {
    const { sim, files } = machine()
    sim.files.write('/log/a', new TextEncoder().encode('old'))
    sim.calls.failAt(2, outcome)
    const a = files.open('a', 'write', true)
    expect(code(() => files.write(a, 0, 'new'))).toBe('EIO')
    expect(files.content('a')).toBe('new')
    const found = outcomes(sim, content)
    for (const each of expected) expect(found).toContain(each)
    if (expected.length === 1) expect(found.size).toBe(1)
  })

  test('a failed directory sync that dropped its changes leaves names that no disk holds', () => {
    const { sim, files } = machine()
    files.create('a', 'abc')
    sim.calls.failAt(sim.calls.count + 1, 'sync-fails-and-drops-dirty-pages')
    expect(code(() => files.syncDirectory())).toBe('EIO')
    files.syncDirectory()
    expect(files.names()).toEqual(['a'])
    expect(outcomes(sim, content)).toEqual(new Set([undefined]))
  })

  test('a full disk takes a part first, then nothing, and keeps what it has', () => {
    const { sim, files } = machine()
    sim.capacity = 3 * 4096
    const a = files.open('a', 'create')
    expect(files.write(a, 1_000, 'x'.repeat(20_000))).toBe(3 * 4096 - 1_000)
    expect(code(() => files.write(a, 3 * 4096, 'x'))).toBe('ENOSPC')
    expect(files.write(a, 0, 'y'.repeat(4_096))).toBe(4_096)
    const zeros = files.open('b', 'create')
    expect(code(() => files.write(zeros, 0, new Uint8Array(10)))).toBe('ENOSPC')
    sim.call({ do: 'truncate', handle: a, size: 4_096 })
    expect(files.write(zeros, 0, new Uint8Array(4_097))).toBe(4_097)
    const after = new Files(sim.crash(1, { unsynced: 'kept' }), '/log')
    expect(code(() => after.create('c', 'x'))).toBe('ENOSPC')
    sim.clone(1).call({ do: 'unlink', path: '/log/b' })
  })

  test('a call in which the process dies is not done, in flight, or done and not reported', () => {
    const found = (moment: 'before' | 'during' | 'after', durable: boolean): string[] => {
      const { sim, files } = machine()
      sim.files.write('/log/a', new TextEncoder().encode('..'))
      sim.calls.dieAt(2, moment)
      const a = files.open('a', 'write', durable)
      expect(code(() => files.write(a, 0, 'ab'))).toBe('dead')
      expect(code(() => files.size(a))).toBe('dead')
      expect(sim.calls.count).toBe(2)
      return ([...outcomes(sim, content)] as string[]).sort()
    }
    expect(found('before', true)).toEqual(['..'])
    expect(found('during', true)).toEqual(['..', '.b', 'a.', 'ab'])
    expect(found('after', true)).toEqual(['ab'])
    expect(found('after', false)).toEqual(['..', '.b', 'a.', 'ab'])
  })

  test.each([
    ['before', ['..', 'ab']],
    ['during', ['..', 'ab']],
    ['after', ['ab']],
  ] as const)('a started call in which the process dies %s it may land or has landed', async (moment, expected) => {
    const { sim, files } = machine(1, { landing: 'prompt' })
    sim.files.write('/log/a', new TextEncoder().encode('..'))
    const a = files.open('a', 'write', true)
    sim.calls.dieAt(sim.calls.count + 1, moment)
    sim.start(writing(a, 0, 'ab'), () => expect.unreachable())
    await sim.settle()
    expect(sim.dead).toBe(true)
    const found = outcomes(sim, content)
    for (const each of expected) expect(found).toContain(each)
    if (expected.length === 1) expect(found.size).toBe(1)
  })

  test('a process that dies in a started call hears nothing of it', async () => {
    const { sim, files } = machine(1, { landing: 'prompt' })
    files.create('a')
    const a = files.open('a', 'write')
    sim.calls.dieAt(sim.calls.count + 1, 'after')
    let reported = false
    const work = new Promise((resolve) => {
      sim.start(writing(a, 0, 'abc'), resolve)
      sim.defer(() => (reported = true))
    })
    await expect(sim.drive(work)).rejects.toThrow(SimulatedDeath)
    expect([sim.dead, text(sim.kill(1).files.read('/log/a'))]).toEqual([true, 'abc'])
    expect(reported).toBe(false)
  })
})
