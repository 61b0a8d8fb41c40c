import { packageOf } from './packages.ts'
import type { Peer } from './peer.ts'

interface EventStorage {
  open(): boolean
  write(document: unknown): number
  flush(): boolean
  read(sequence: number): unknown
  readRange(from: number): Iterable<unknown>
  readonly length: number
  close(): void
}

interface EventStoragePackage {
  readonly Storage: new (name: string, options: object) => EventStorage
}

const MIB = 1024 * 1024
/** Longer records are written and cannot be read, so it is above the longest of the feeds (42 KB); its default is 4 KiB. */
const READ_BYTES = 64 * 1024

/** Its storage layer, without streams on top. */
export const eventStorage: Peer = {
  name: 'event-storage',
  durability: 'synced: `syncOnFlush`, which is off by default; buffers of 1 MiB; records have no checksum',
  refuses: (content) => (content === 'bytes' ? 'its records are text' : undefined),
  open: (directory) => {
    const { Storage } = packageOf<EventStoragePackage>('event-storage')
    const storage = new Storage('log', {
      dataDirectory: `${directory}/event-storage`,
      syncOnFlush: true,
      writeBufferSize: MIB,
      readBufferSize: READ_BYTES,
      indexOptions: { writeBufferSize: MIB },
    })
    storage.open()
    return Promise.resolve({
      append: (values) => {
        for (const value of values) storage.write(value)
        storage.flush()
        return Promise.resolve()
      },
      commit: (value) => {
        storage.write(value)
        storage.flush()
        return undefined
      },
      replay: (see) => {
        if (storage.length > 0) for (const value of storage.readRange(1)) see(value)
      },
      get: (sequence) => storage.read(sequence),
      close: () => {
        storage.close()
        return Promise.resolve()
      },
    })
  },
}
