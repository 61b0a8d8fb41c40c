import { packageOf } from './packages.ts'
import type { Content, Peer, Store } from './peer.ts'

interface Database {
  put(key: number, value: unknown): Promise<boolean>
  get(key: number): unknown
  getRange(range: { start: number }): Iterable<{ readonly value: unknown }>
  getKeys(range: object): Iterable<number>
  transaction(body: () => void): Promise<void>
  readonly flushed: Promise<unknown>
  close(): Promise<void>
}

interface Lmdb {
  open(options: object): Database
}

/** Larger transactions cost less, up to some ten thousand records or tens of megabytes. */
const RECORDS = 10_000
const BYTES = 16 * 1024 * 1024

const durability = 'synced: waits for the commit and for `flushed` (a sync of the file and of its new root)'

/** Object keys stored once, in msgpack: its fastest form. */
export const lmdbShapes: Peer = {
  name: 'lmdb, shared shapes (msgpack)',
  durability,
  open: (directory, content) =>
    Promise.resolve(open(directory, content === 'bytes' ? {} : { sharedStructuresKey: Symbol.for('shapes') }, content)),
}

export const lmdbCbor: Peer = {
  name: 'lmdb, cbor',
  durability,
  open: (directory, content) => Promise.resolve(open(directory, { encoding: 'cbor' }, content)),
}

function open(directory: string, options: object, content: Content): Store {
  const encoding = content === 'bytes' ? { encoding: 'binary' } : {}
  const path = `${directory}/lmdb`
  const db = packageOf<Lmdb>('lmdb').open({ path, ...options, ...encoding })
  const [newest] = db.getKeys({ start: Infinity, end: 1, reverse: true, limit: 1 })
  let last = newest ?? 0
  return {
    append: async (values) => {
      let before: Promise<unknown> = Promise.resolve()
      for (let from = 0; from < values.length;) {
        const to = Math.min(values.length, from + countOf(values[from]))
        const base = last - from + 1
        const start = from
        const next = db.transaction(() => {
          for (let n = start; n < to; n++) void db.put(base + n, values[n])
        })
        last += to - from
        from = to
        // One is filled while the one before is on its way.
        await before
        before = next
      }
      await before
      await db.flushed
    },
    commit: async (value) => {
      await db.put(++last, value)
      await db.flushed
    },
    replay: (see) => {
      for (const { value } of db.getRange({ start: 1 })) see(value)
    },
    get: (sequence) => db.get(sequence),
    close: () => db.close(),
  }
}

function countOf(value: unknown): number {
  return value instanceof Uint8Array ? Math.max(1, Math.floor(BYTES / value.length)) : RECORDS
}
