import { mkdirSync } from 'node:fs'
import { packageOf } from './packages.ts'
import type { Peer } from './peer.ts'

interface AsyncLog {
  append(value: unknown, done: (error: Error | null) => void): void
  onDrain(done: () => void): void
  stream(options: object): { pipe(sink: Sink): void }
  close(done: () => void): void
}

interface Sink {
  paused: boolean
  write(value: unknown): void
  end(error?: Error | true): void
}

type AsyncLogPackage = (path: string, options: object) => AsyncLog

/** Blocks of 64 KiB hold its records, which are at most that long. */
const RECORD_BYTES_MAX = 60_000

export const asyncAppendOnlyLog: Peer = {
  name: 'async-append-only-log',
  durability: 'each block of 64 KiB is synced after it was written; no checksums, no lock, no access by number',
  refuses: (_, bytes) => (bytes > RECORD_BYTES_MAX ? 'its records are shorter than 64 KiB' : undefined),
  open: (directory, content) => {
    mkdirSync(`${directory}/async`, { recursive: true })
    const json = {
      encode: (value: unknown) => Buffer.from(JSON.stringify(value)),
      decode: (value: Buffer) => JSON.parse(value.toString()) as unknown,
    }
    const bytes = {
      encode: (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.length),
      decode: (value: Buffer) => value,
    }
    const options = { writeTimeout: 1, codec: content === 'bytes' ? bytes : json }
    const log = packageOf<AsyncLogPackage>('async-append-only-log')(`${directory}/async/log`, options)
    const append = (values: readonly unknown[]): Promise<void> =>
      new Promise((resolve, reject) => {
        for (const value of values) log.append(value, (error) => error && reject(error))
        log.onDrain(resolve)
      })
    return Promise.resolve({
      append,
      commit: (value) => append([value]),
      replay: (see) =>
        new Promise<void>((resolve, reject) => {
          const end = (error?: Error | true): void => (error instanceof Error ? reject(error) : resolve())
          log.stream({ offsets: false, values: true }).pipe({ paused: false, write: see, end })
        }),
      close: () => new Promise((resolve) => log.close(resolve)),
    })
  },
}
