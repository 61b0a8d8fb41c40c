import { packageOf } from './packages.ts'
import type { Content, Peer, Store } from './peer.ts'

interface Database {
  put(key: number, value: unknown): Promise<boolean>
  get(key: number): unknown
  getRange(range: { start: number }): Iterable<{ readonly value: unknown }>
  getKeys(range: object): Iterable<number>
  readonly flushed: Promise<unknown>
  close(): Promise<void>
}

interface Lmdb {
  open(options: object): Database
}

/**
 * So much is put in one turn of the event loop, which lmdb makes one transaction of: of puts one by one, `batch`,
 * `transaction` and `transactionSync` at several sizes this was the fastest.
 */
const RECORDS = 100_000
const BYTES = 64 * 1024 * 1024

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
      for (let from = 0; from < values.length;) {
        const to = Math.min(values.length, from + countOf(values[from]))
        let done: Promise<unknown> = Promise.resolve()
        for (; from < to; from++) done = db.put(++last, values[from])
        if (to < values.length) await done
      }
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
