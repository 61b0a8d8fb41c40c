import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Listener, SocketProbe, SystemError } from '../../../segments/env/environment.ts'
import { Files, text, WORLDS, type World, writing } from './worlds.ts'

describe.each(WORLDS)('in the world of %s', (_name, make) => {
  let world: World
  let files: Files
  beforeEach(() => {
    world = make()
    files = new Files(world.env, world.directory)
  })
  afterEach(() => world.dispose())

  const pathOf = (name: string): string => `${world.directory}/${name}`

  describe('later', () => {
    test('every call gives the same later as now, and never during start', async () => {
      const handle = await files.later({ do: 'open', path: pathOf('a'), access: 'create' })
      expect(await files.later(writing(handle, 0, 'hello'))).toBe(5)
      const into = new Uint8Array(8)
      expect(await files.later({ do: 'read', handle, into, start: 1, length: 7, position: 1 })).toBe(4)
      expect(text(into)).toBe('\0ello\0\0\0')
      await files.later({ do: 'sync', handle })
      await files.later({ do: 'truncate', handle, size: 3 })
      expect(await files.later({ do: 'size', handle })).toBe(3)
      await files.later({ do: 'close', handle })
      await files.later({ do: 'link', from: pathOf('a'), to: pathOf('b') })
      await files.later({ do: 'rename', from: pathOf('a'), to: pathOf('c') })
      await files.later({ do: 'unlink', path: pathOf('b') })
      const listed = await files.later({ do: 'list', path: world.directory })
      expect(listed).toEqual([{ name: 'c', kind: 'file' }])
      await files.later({ do: 'syncDirectory', path: world.directory })

      let during = true
      const ended = new Promise<boolean>((resolve) =>
        world.env.start({ do: 'stat', path: pathOf('c') }, () => resolve(during)),
      )
      const failed = new Promise<boolean>((resolve) =>
        world.env.start({ do: 'unlink', path: pathOf('no') }, () => resolve(during)),
      )
      during = false
      expect([await ended, await failed]).toEqual([false, false])
    })

    test('deferred tasks run in order, after the current turn', async () => {
      const seen: string[] = []
      await new Promise<void>((resolve) => {
        world.env.defer(() => seen.push('one'))
        world.env.defer(() => seen.push('two'))
        world.env.defer(resolve)
        queueMicrotask(() => seen.push('microtask'))
        seen.push('now')
      })
      expect(seen).toEqual(['now', 'microtask', 'one', 'two'])
    })

    test('timers run in the order of their delays, not when cancelled', async () => {
      const seen: number[] = []
      const from = world.env.monotonicMs()
      let elapsed = 0
      world.env.after(40, () => {
        seen.push(40)
        elapsed = world.env.monotonicMs() - from
      })
      world.env.after(1, () => seen.push(1))
      world.env.after(5, () => seen.push(5)).cancel()
      world.env.after(3_000_000_000, () => seen.push(0))
      await world.pass(100)
      expect(seen).toEqual([1, 40])
      // Timers of Node may come a millisecond early by the finer clock.
      expect(elapsed).toBeGreaterThanOrEqual(39)
    })
  })

  describe('clock, chance and process', () => {
    test('the clocks go on, and the wall clock is near the one of the system', async () => {
      const wall = world.env.nowMs()
      const monotonic = world.env.monotonicMs()
      await world.pass(20)
      const passed = world.env.monotonicMs() - monotonic
      expect(passed).toBeGreaterThanOrEqual(19)
      expect(Math.abs(world.env.nowMs() - wall - passed)).toBeLessThan(2)
    })

    test('random bytes are many and differ', () => {
      const drawn = new Set(Array.from({ length: 100 }, () => world.env.randomBytes(8).join()))
      expect(drawn.size).toBe(100)
      expect(world.env.randomBytes(0)).toHaveLength(0)
    })

    test('a process knows itself, and that another is not there', () => {
      const { identity } = world.env
      expect(world.env.startTimeOf(identity.pid)).toBe(identity.startTime)
      expect(world.env.startTimeOf(0x7fff_fff0)).toBeUndefined()
      expect(Object.values(identity).every((value) => value !== '')).toBe(true)
    })
  })

  describe('sockets and watches', () => {
    const listen = (name: string): Promise<Listener> =>
      new Promise((resolve, reject) =>
        world.env.listen(pathOf(name), (error, listener) => (error ? reject(error) : resolve(listener))),
      )
    const probe = (name: string): Promise<SocketProbe> =>
      new Promise((resolve) => world.env.probe(pathOf(name), resolve))
    const deep = `${'d'.repeat(60)}/${'e'.repeat(60)}`

    test.each([
      ['a short path', 'lock-1.socket'],
      ['a path of more than 107 bytes', `${deep}/lock-1.socket`],
    ])('a socket at %s is absent, alive, and absent when closed', async (_path, name) => {
      world.env.call({ do: 'makeDirectory', path: pathOf('d'.repeat(60)) })
      world.env.call({ do: 'makeDirectory', path: pathOf(deep) })
      expect(await probe(name)).toBe('absent')
      const listener = await listen(name)
      expect(world.env.call({ do: 'stat', path: pathOf(name) })?.kind).toBe('other')
      expect(await Promise.all([probe(name), probe(name), probe(name)])).toEqual(['alive', 'alive', 'alive'])
      expect(await probe(name)).toBe('alive')
      await expect(listen(name)).rejects.toMatchObject({ code: 'EADDRINUSE' })
      expect(await probe(name)).toBe('alive')
      expect(files.codeNow({ do: 'open', path: pathOf(name), access: 'read' })).toBe('EINVAL')
      listener.close()
      listener.close()
      expect(await probe(name)).toBe('absent')
      const again = await listen(name)
      expect(await probe(name)).toBe('alive')
      again.close()
    })

    test('a name with nobody behind it is dead, and taken', async () => {
      files.create('file')
      expect(await probe('file')).toBe('dead')
      await expect(listen('file')).rejects.toMatchObject({ code: 'EADDRINUSE' })
      expect(files.names()).toEqual(['file'])
    })

    test('a socket that was renamed away is not found under its old name', async () => {
      const listener = await listen('a.socket')
      world.env.call({ do: 'rename', from: pathOf('a.socket'), to: pathOf('b.socket') })
      expect([await probe('a.socket'), await probe('b.socket')]).toEqual(['absent', 'alive'])
      files.create('a.socket')
      expect([await probe('a.socket'), await probe('b.socket')]).toEqual(['dead', 'alive'])
      world.env.call({ do: 'unlink', path: pathOf('a.socket') })
      listener.close()
      expect(await probe('b.socket')).toBe('dead')
    })

    test('where no directory is, nobody listens and nothing is proven but absence', async () => {
      await expect(listen('no/a.socket')).rejects.toMatchObject({ code: 'ENOENT' })
      expect(await probe('no/a.socket')).toBe('absent')
      files.create('file')
      expect(await probe('file/a.socket')).toBe('unknown')
    })

    const changes: readonly (readonly [string, () => void])[] = [
      ['a file is created', () => files.create('new')],
      ['a file is written', () => files.write(files.open('file', 'write'), 0, 'x')],
      ['a file grows', () => world.env.call({ do: 'truncate', handle: files.open('file', 'write'), size: 99 })],
      ['a file is renamed', () => world.env.call({ do: 'rename', from: pathOf('file'), to: pathOf('other') })],
      ['a file is removed', () => world.env.call({ do: 'unlink', path: pathOf('file') })],
    ]
    test.each(changes)('a watch is told when %s, and not after it was closed', async (_fact, change) => {
      files.create('file', 'abc')
      await world.pass(20)
      let told = 0
      let wake: () => void = () => undefined
      const changed = new Promise<void>((resolve) => (wake = resolve))
      const watch = world.env.watch(world.directory, () => {
        told++
        wake()
      })
      expect(told).toBe(0)
      change()
      expect(told).toBe(0)
      await changed
      await world.pass(20)
      watch.close()
      const before = told
      files.create('after')
      await world.pass(20)
      expect(told).toBe(before)
    })

    test('a watch that is closed is not told of what happened before', async () => {
      let told = 0
      const watch = world.env.watch(world.directory, () => told++)
      files.create('new')
      watch.close()
      await world.pass(20)
      expect(told).toBe(0)
    })

    test('a directory that is missing cannot be watched', () => {
      let code = ''
      try {
        world.env.watch(pathOf('no'), () => undefined)
      } catch (error) {
        code = (error as SystemError).code
      }
      expect(code).toBe('ENOENT')
    })
  })
})
