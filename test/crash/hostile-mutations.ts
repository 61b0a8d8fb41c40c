import fc from 'fast-check'
import { manifestName, segmentName, sidecarName } from '../../segments/format/names.ts'
import type { Directory } from './hostile-world.ts'

/** What may happen to a directory without anybody mending a checksum. Places are fractions: they fit any file. */

export type Mutation =
  | { readonly do: 'bytes'; readonly file: number; readonly at: number; readonly cut: number; readonly put: Uint8Array }
  | { readonly do: 'zero' | 'delete' | 'duplicate'; readonly file: number; readonly at: number; readonly span: number }
  /** One byte of those that are not zero: most of a small log is room. */
  | { readonly do: 'flip'; readonly file: number; readonly at: number; readonly by: number }
  | { readonly do: 'truncate'; readonly file: number; readonly at: number }
  | { readonly do: 'swap' | 'copy'; readonly file: number; readonly other: number }
  | { readonly do: 'rename'; readonly file: number; readonly to: string }
  | { readonly do: 'remove'; readonly file: number }
  | { readonly do: 'place'; readonly name: string; readonly content: Uint8Array }
  /** A file of another log with records of the same numbers. */
  | { readonly do: 'foreign'; readonly file: number; readonly other: number }

const LARGE = Number.MAX_SAFE_INTEGER

/** Names that mean something to the log, with numbers that are there, near, and as large as they can be. */
export const ourName = fc.constantFrom(
  'durable',
  'cut',
  'archive',
  'lock-0000000001',
  'lock-0000000007',
  'tmp-segment-0123456789abcdef',
  'tmp-manifest-0123456789abcdef',
  ...[1, 2, 3, 4, 5, 900, LARGE - 1, LARGE].map(segmentName),
  ...[1, 2, 3, 4, 5, 6, 7, 900, LARGE - 1, LARGE].map(manifestName),
  ...[1, 3].map(sidecarName),
)

const part = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
const index = fc.nat(63)
/** Frames are multiples of eight long, and a torn sector has 512. */
const span = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constantFrom(8, 16, 256, 512, 4096))
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 2 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 200, maxLength: 900 }),
)

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ do: fc.constant('bytes' as const), file: index, at: part, cut: fc.nat(64), put: bytes }),
  fc.record({ do: fc.constantFrom('zero', 'delete', 'duplicate' as const), file: index, at: part, span }),
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('flip' as const),
      file: index,
      at: part,
      by: fc.integer({ min: 1, max: 255 }),
    }),
  },
  fc.record({ do: fc.constant('truncate' as const), file: index, at: part }),
  fc.record({ do: fc.constantFrom('swap', 'copy' as const), file: index, other: index }),
  fc.record({ do: fc.constant('rename' as const), file: index, to: ourName }),
  fc.record({ do: fc.constant('remove' as const), file: index }),
  fc.record({ do: fc.constant('place' as const), name: ourName, content: bytes }),
  fc.record({ do: fc.constant('foreign' as const), file: index, other: index }),
)

export function mutate(directory: Directory, other: Directory, mutation: Mutation): void {
  if (mutation.do === 'place') return void directory.set(mutation.name, Buffer.from(mutation.content))
  const [name, content] = fileAt(directory, mutation.file)
  if (content === undefined) return
  switch (mutation.do) {
    case 'swap':
    case 'copy': {
      const [second, its] = fileAt(directory, mutation.other)
      if (mutation.do === 'swap') directory.set(name, its!)
      return void directory.set(second, Buffer.from(content))
    }
    case 'rename':
      directory.delete(name)
      return void directory.set(mutation.to, content)
    case 'remove':
      return void directory.delete(name)
    case 'foreign':
      return void directory.set(name, Buffer.from(fileAt(other, mutation.other)[1]!))
    default:
      directory.set(name, changed(content, mutation))
  }
}

/** A file by number, of those that are not locks: these are the concern of other tests. */
export function fileAt(directory: Directory, number: number): [string, Buffer | undefined] {
  const names = [...directory.keys()].filter((name) => !name.startsWith('lock-')).sort()
  const name = names[number % Math.max(1, names.length)] ?? ''
  return [name, directory.get(name)]
}

function flipped(content: Buffer, at: number, by: number): Buffer {
  const used = [...content.keys()].filter((each) => content[each] !== 0)
  const place = used[Math.floor(at * used.length)]
  if (place !== undefined) content[place]! ^= by
  return content
}

function changed(content: Buffer, mutation: Extract<Mutation, { readonly at: number }>): Buffer {
  if (mutation.do === 'flip') return flipped(content, mutation.at, mutation.by)
  const at = Math.floor(mutation.at * content.length)
  const before = content.subarray(0, at)
  if (mutation.do === 'truncate') return before
  if (mutation.do === 'bytes') {
    // As many as are taken out: the rest of the file stays in its place half of the time.
    const put = mutation.cut % 2 === 0 ? mutation.put : mutation.put.subarray(0, mutation.cut)
    const cut = mutation.cut % 2 === 0 ? put.length : mutation.cut
    return Buffer.concat([before, put, content.subarray(at + cut)])
  }
  const piece = content.subarray(at, at + mutation.span)
  const after = content.subarray(at + mutation.span)
  if (mutation.do === 'zero') return Buffer.concat([before, Buffer.alloc(piece.length), after])
  return mutation.do === 'delete' ? Buffer.concat([before, after]) : Buffer.concat([before, piece, piece, after])
}
