import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Call } from '../../../segments/env/environment.ts'
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

  describe('a call that fails gives the same code now and later', () => {
    /** Set-up: `file` holds "abc", `directory` holds `file`, `link` → file, `pipe`. */
    const failing: [fact: string, call: () => Call, code: string, needs?: 'link' | 'pipe'][] = [
      ['reading what is missing', () => ({ do: 'open', path: pathOf('no'), access: 'read' }), 'ENOENT'],
      ['writing what is missing', () => ({ do: 'open', path: pathOf('no'), access: 'write' }), 'ENOENT'],
      ['creating what is there', () => ({ do: 'open', path: pathOf('file'), access: 'create' }), 'EEXIST'],
      ['creating where no directory is', () => ({ do: 'open', path: pathOf('no/a'), access: 'create' }), 'ENOENT'],
      ['opening below a file', () => ({ do: 'open', path: pathOf('file/a'), access: 'read' }), 'ENOTDIR'],
      ['opening a directory to read', () => ({ do: 'open', path: pathOf('directory'), access: 'read' }), 'EINVAL'],
      ['opening a directory to write', () => ({ do: 'open', path: pathOf('directory'), access: 'write' }), 'EINVAL'],
      ['opening a link to read', () => ({ do: 'open', path: pathOf('link'), access: 'read' }), 'ELOOP', 'link'],
      ['opening a link to write', () => ({ do: 'open', path: pathOf('link'), access: 'write' }), 'ELOOP', 'link'],
      ['creating over a link', () => ({ do: 'open', path: pathOf('link'), access: 'create' }), 'EEXIST', 'link'],
      ['opening a pipe to read', () => ({ do: 'open', path: pathOf('pipe'), access: 'read' }), 'EINVAL', 'pipe'],
      ['opening a pipe to write', () => ({ do: 'open', path: pathOf('pipe'), access: 'write' }), 'EINVAL', 'pipe'],
      ['renaming what is missing', () => ({ do: 'rename', from: pathOf('no'), to: pathOf('b') }), 'ENOENT'],
      ['renaming over a directory', () => ({ do: 'rename', from: pathOf('file'), to: pathOf('directory') }), 'EISDIR'],
      [
        'renaming a directory over a file',
        () => ({ do: 'rename', from: pathOf('empty'), to: pathOf('file') }),
        'ENOTDIR',
      ],
      [
        'renaming over a full directory',
        () => ({ do: 'rename', from: pathOf('empty'), to: pathOf('directory') }),
        'ENOTEMPTY',
      ],
      ['renaming into itself', () => ({ do: 'rename', from: pathOf('empty'), to: pathOf('empty/a') }), 'EINVAL'],
      ['linking what is missing', () => ({ do: 'link', from: pathOf('no'), to: pathOf('b') }), 'ENOENT'],
      ['linking over a file', () => ({ do: 'link', from: pathOf('file'), to: pathOf('file') }), 'EEXIST'],
      ['linking a directory', () => ({ do: 'link', from: pathOf('directory'), to: pathOf('b') }), 'EPERM'],
      ['removing what is missing', () => ({ do: 'unlink', path: pathOf('no') }), 'ENOENT'],
      ['unlinking a directory', () => ({ do: 'unlink', path: pathOf('empty') }), 'EISDIR'],
      ['making a directory over a file', () => ({ do: 'makeDirectory', path: pathOf('file') }), 'EEXIST'],
      ['making a directory again', () => ({ do: 'makeDirectory', path: pathOf('directory') }), 'EEXIST'],
      ['making two levels', () => ({ do: 'makeDirectory', path: pathOf('no/no') }), 'ENOENT'],
      ['listing what is missing', () => ({ do: 'list', path: pathOf('no') }), 'ENOENT'],
      ['listing a file', () => ({ do: 'list', path: pathOf('file') }), 'ENOTDIR'],
      ['asking below a file', () => ({ do: 'stat', path: pathOf('file/a') }), 'ENOTDIR'],
      ['asking for room where nothing is', () => ({ do: 'space', path: pathOf('none') }), 'ENOENT'],
      ['syncing a directory that is missing', () => ({ do: 'syncDirectory', path: pathOf('no') }), 'ENOENT'],
      ['syncing a file as a directory', () => ({ do: 'syncDirectory', path: pathOf('file') }), 'ENOTDIR'],
      ['writing to a file open to read', () => writing(files.open('file', 'read'), 0, 'x'), 'EBADF'],
      [
        'cutting a file open to read',
        () => ({ do: 'truncate', handle: files.open('file', 'read'), size: 0 }),
        'EINVAL',
      ],
    ]

    test.each(failing)('%s', async (_fact, call, code, needs) => {
      if (needs === 'link' && !world.placeLink) return
      if (needs === 'pipe' && !world.placePipe) return
      files.create('file', 'abc')
      for (const name of ['directory', 'empty']) world.env.call({ do: 'makeDirectory', path: pathOf(name) })
      files.create('directory/file', 'abc')
      world.placeLink?.('link', 'file')
      world.placePipe?.('pipe')
      const before = files.names()
      expect(files.codeNow(call())).toBe(code)
      expect(await files.codeLater(call())).toBe(code)
      expect(files.names()).toEqual(before)
      expect(files.content('file')).toBe('abc')
    })
  })

  describe('bytes', () => {
    test('a read stops at the end of the file, and behind it there is nothing', () => {
      const handle = files.open('a', 'create')
      expect(files.write(handle, 0, 'hello')).toBe(5)
      expect(files.read(handle, 3, 10)).toBe('lo')
      expect(files.read(handle, 5, 10)).toBe('')
      expect(files.read(handle, 5_000_000, 10)).toBe('')
    })

    test('a read fills only its part of the buffer', () => {
      const handle = files.open('a', 'create')
      files.write(handle, 0, 'hello')
      const into = new TextEncoder().encode('..........')
      expect(world.env.call({ do: 'read', handle, into, start: 2, length: 3, position: 1 })).toBe(3)
      expect(text(into)).toBe('..ell.....')
    })

    test('a write takes only its part of the buffer', () => {
      const handle = files.open('a', 'create')
      const from = new TextEncoder().encode('abcdef')
      expect(world.env.call({ do: 'write', handle, from, start: 2, length: 3, position: 0 })).toBe(3)
      expect(files.content('a')).toBe('cde')
    })

    test('a volume says how much room is left on it, now and later', async () => {
      files.open('a', 'create')
      for (const path of [world.directory, pathOf('a')]) {
        expect(world.env.call({ do: 'space', path })).toBeGreaterThan(0)
        expect(await files.later({ do: 'space', path })).toBeGreaterThan(0)
      }
    })

    test('a write beyond the end leaves zeros before it', () => {
      const handle = files.open('a', 'create')
      files.write(handle, 10_000, 'x')
      expect(files.size(handle)).toBe(10_001)
      const found = files.read(handle, 0, 20_000)
      expect(found).toBe('\0'.repeat(10_000) + 'x')
    })

    test('a write inside leaves the bytes around it, over the borders of pages too', () => {
      const handle = files.open('a', 'create')
      files.write(handle, 0, 'a'.repeat(20_000))
      files.write(handle, 4_000, 'b'.repeat(9_000))
      expect(files.content('a')).toBe('a'.repeat(4_000) + 'b'.repeat(9_000) + 'a'.repeat(7_000))
      files.write(handle, 5_000, new Uint8Array(6_000))
      expect(files.content('a')).toBe(
        'a'.repeat(4_000) + 'b'.repeat(1_000) + '\0'.repeat(6_000) + 'b'.repeat(2_000) + 'a'.repeat(7_000),
      )
    })

    test('cut off bytes do not come back when the file grows again', () => {
      const handle = files.open('a', 'create')
      files.write(handle, 0, 'a'.repeat(10_000))
      world.env.call({ do: 'truncate', handle, size: 5_000 })
      expect(files.size(handle)).toBe(5_000)
      world.env.call({ do: 'truncate', handle, size: 9_000 })
      expect(files.content('a')).toBe('a'.repeat(5_000) + '\0'.repeat(4_000))
    })

    test('a durable file takes and gives bytes like any other', async () => {
      const handle = files.open('a', 'create', true)
      expect(files.write(handle, 0, 'one')).toBe(3)
      expect(await files.later(writing(handle, 3, 'two'))).toBe(3)
      files.sync(handle)
      await files.later({ do: 'sync', handle })
      files.close(handle)
      expect(files.content('a')).toBe('onetwo')
      const again = files.open('a', 'write', true)
      expect(files.write(again, 0, 'ONE')).toBe(3)
      expect(files.content('a')).toBe('ONEtwo')
    })

    test('two handles of one file see each other', () => {
      files.create('a', 'abc')
      const one = files.open('a', 'write')
      const two = files.open('a', 'read')
      files.write(one, 3, 'def')
      expect(files.read(two, 0, 10)).toBe('abcdef')
      files.close(one)
      expect(files.read(two, 0, 10)).toBe('abcdef')
    })

    test('a closed handle is refused', () => {
      files.create('a', 'abc')
      const handle = files.open('a', 'read')
      files.close(handle)
      expect(files.codeNow({ do: 'size', handle })).toBe('EBADF')
      expect(files.codeNow({ do: 'close', handle })).toBe('EBADF')
    })
  })

  describe('names', () => {
    test('a list is sorted by code unit and tells kinds', () => {
      for (const name of ['b', 'a', 'B', 'é', '10', '9']) files.create(name)
      world.env.call({ do: 'makeDirectory', path: pathOf('ab') })
      world.placeLink?.('z', 'a')
      const expected = [
        ['10', 'file'],
        ['9', 'file'],
        ['B', 'file'],
        ['a', 'file'],
        ['ab', 'directory'],
        ['b', 'file'],
        ...(world.placeLink ? [['z', 'other']] : []),
        ['é', 'file'],
      ]
      expect(world.env.call({ do: 'list', path: world.directory }).map((e) => [e.name, e.kind])).toEqual(expected)
    })

    test('a status tells kind, size and identity, and nothing about what is missing', async () => {
      files.create('a', 'abc')
      world.env.call({ do: 'link', from: pathOf('a'), to: pathOf('b') })
      files.create('c', 'abc')
      const status = (name: string) => world.env.call({ do: 'stat', path: pathOf(name) })
      expect(status('a')).toMatchObject({ kind: 'file', size: 3 })
      expect(status('a')?.id).toBe(status('b')?.id)
      expect(status('a')?.id).not.toBe(status('c')?.id)
      expect(status('no')).toBeUndefined()
      expect(status('no/where')).toBeUndefined()
      expect(await files.later({ do: 'stat', path: pathOf('no') })).toBeUndefined()
      expect(await files.later({ do: 'stat', path: pathOf('a') })).toEqual(status('a'))
      expect(world.env.call({ do: 'stat', path: world.directory })?.kind).toBe('directory')
      world.placeLink?.('link', 'a')
      if (world.placeLink) expect(status('link')?.kind).toBe('other')
    })

    test('a sparse file uses less storage than its size, a filled one all of it', () => {
      const sparse = files.open('sparse', 'create')
      world.env.call({ do: 'truncate', handle: sparse, size: 1 << 20 })
      const filled = files.open('filled', 'create')
      files.write(filled, 0, new Uint8Array(1 << 20))
      files.sync(filled)
      expect(world.env.call({ do: 'stat', path: pathOf('sparse') })?.allocated).toBe(0)
      expect(world.env.call({ do: 'stat', path: pathOf('filled') })?.allocated).toBeGreaterThanOrEqual(1 << 20)
    })

    test('a rename replaces, and an open handle stays with its file', () => {
      files.create('a', 'new')
      files.create('b', 'old')
      const old = files.open('b', 'write')
      world.env.call({ do: 'rename', from: pathOf('a'), to: pathOf('b') })
      expect(files.names()).toEqual(['b'])
      expect(files.content('b')).toBe('new')
      files.write(old, 3, 'er')
      expect(files.read(old, 0, 10)).toBe('older')
      expect(files.content('b')).toBe('new')
    })

    test('a rename of one name of a file to another name of it does nothing', () => {
      files.create('a', 'x')
      world.env.call({ do: 'link', from: pathOf('a'), to: pathOf('b') })
      world.env.call({ do: 'rename', from: pathOf('a'), to: pathOf('b') })
      expect(files.names()).toEqual(['a', 'b'])
    })

    test('a file lives as long as one name or handle', () => {
      files.create('a', 'x')
      world.env.call({ do: 'link', from: pathOf('a'), to: pathOf('b') })
      world.env.call({ do: 'unlink', path: pathOf('a') })
      expect(files.content('b')).toBe('x')
      const handle = files.open('b', 'write')
      world.env.call({ do: 'unlink', path: pathOf('b') })
      files.write(handle, 1, 'y')
      expect(files.read(handle, 0, 10)).toBe('xy')
      expect(files.names()).toEqual([])
    })

    test('directories nest, move and sync', async () => {
      world.env.call({ do: 'makeDirectory', path: pathOf('d') })
      await files.later({ do: 'makeDirectory', path: pathOf('d/e') })
      files.create('d/e/f', 'deep')
      world.env.call({ do: 'rename', from: pathOf('d'), to: pathOf('g') })
      expect(files.content('g/e/f')).toBe('deep')
      files.syncDirectory()
      await files.later({ do: 'syncDirectory', path: pathOf('g/e') })
    })
  })
})
