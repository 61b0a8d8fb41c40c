import { packageOf } from './packages.ts'
import type { Peer } from './peer.ts'

interface Database {
  open(): Promise<void>
  put(key: string, value: unknown, options: object): Promise<void>
  batch(operations: readonly object[], options: object): Promise<void>
  getSync(key: string): unknown
  values(): AsyncIterable<unknown> & { nextv(size: number): Promise<unknown[]>; close(): Promise<void> }
  keys(options: object): { all(): Promise<string[]> }
  close(): Promise<void>
}

interface ClassicLevelPackage {
  readonly ClassicLevel: new (path: string, options: object) => Database
}

const BATCH = 1000

/** LevelDB. Its values go through JSON; keys are numbers of fixed width, so that they sort. */
export const classicLevel: Peer = {
  name: 'classic-level',
  durability: 'synced: `sync: true` on each batch of 1,000 records',
  open: async (directory, content) => {
    const { ClassicLevel } = packageOf<ClassicLevelPackage>('classic-level')
    const db = new ClassicLevel(`${directory}/level`, { valueEncoding: content === 'bytes' ? 'view' : 'json' })
    await db.open()
    const [newest] = await db.keys({ reverse: true, limit: 1 }).all()
    let last = newest === undefined ? 0 : Number(newest)
    return {
      append: async (values) => {
        for (let from = 0; from < values.length; from += BATCH) {
          const operations = values
            .slice(from, from + BATCH)
            .map((value) => ({ type: 'put', key: keyOf(++last), value }))
          await db.batch(operations, { sync: true })
        }
      },
      commit: (value) => db.put(keyOf(++last), value, { sync: true }),
      replay: async (see) => {
        const values = db.values()
        for (let some = await values.nextv(BATCH); some.length > 0; some = await values.nextv(BATCH)) some.forEach(see)
        await values.close()
      },
      get: (sequence) => db.getSync(keyOf(sequence)),
      close: () => db.close(),
    }
  },
}

function keyOf(sequence: number): string {
  return String(sequence).padStart(12, '0')
}
