import { packageOf } from './packages.ts'
import type { Peer } from './peer.ts'

interface Statement {
  run(...values: unknown[]): unknown
  get(...values: unknown[]): { readonly value: unknown } | undefined
  iterate(): Iterable<{ readonly value: unknown }>
}

interface Database {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): Statement
  transaction<A extends unknown[]>(body: (...values: A) => void): (...values: A) => void
  close(): void
}

const BATCH = 1000

/** Objects as JSON text, which V8 parses faster than any codec in JavaScript decodes. */
export const sqlite: Peer = {
  name: 'better-sqlite3 (WAL, FULL)',
  durability: 'synced: journal_mode = WAL, synchronous = FULL, transactions of 1,000 records',
  open: (directory, content) => {
    const db = new (packageOf<new (path: string) => Database>('better-sqlite3'))(`${directory}/sqlite.db`)
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.exec(
      `create table if not exists log (sequence integer primary key, value ${content === 'bytes' ? 'blob' : 'text'})`,
    )
    const insert = db.prepare('insert into log (value) values (?)')
    const select = db.prepare('select value from log where sequence = ?')
    const all = db.prepare('select value from log order by sequence')
    const encode = content === 'bytes' ? (value: unknown) => value : (value: unknown) => JSON.stringify(value)
    const decode =
      content === 'bytes' ? (text: unknown) => text : (text: unknown) => JSON.parse(text as string) as unknown
    const insertAll = db.transaction((values: readonly unknown[], from: number) => {
      for (let n = from; n < Math.min(values.length, from + BATCH); n++) insert.run(encode(values[n]))
    })
    return Promise.resolve({
      append: (values) => {
        for (let from = 0; from < values.length; from += BATCH) insertAll(values, from)
        return Promise.resolve()
      },
      commit: (value) => void insert.run(encode(value)),
      replay: (see) => {
        for (const { value } of all.iterate()) see(decode(value))
      },
      get: (sequence) => {
        const row = select.get(sequence)
        return row && decode(row.value)
      },
      close: () => {
        db.pragma('wal_checkpoint(TRUNCATE)')
        db.close()
        return Promise.resolve()
      },
    })
  },
}
