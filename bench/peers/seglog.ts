import { type Log, type OpenLogOptions, bytes, openLog } from '../../lib/index.ts'
import type { Peer, Store } from './peer.ts'

export const BYTES = { codec: bytes() } as OpenLogOptions<unknown>

export const seglog: Peer = {
  name: 'seglog',
  durability: 'each acknowledged record is synced (its default)',
  open: async (directory, content) => storeOf(await openLog<unknown>(directory, content === 'bytes' ? BYTES : {})),
}

function storeOf(log: Log<unknown>): Store {
  return {
    append: (values) => appendAll(log, values),
    commit: (value) => log.commit(value),
    replay: (see) => {
      for (const { value } of log.read()) see(value)
    },
    get: (sequence) => log.get(sequence)?.value,
    close: () => log.close(),
  }
}

/** As fast as it goes, waiting when the queue asks for it. */
export async function appendAll(log: Log<unknown>, values: Iterable<unknown>): Promise<void> {
  let n = 0
  for (const value of values) {
    log.append(value)
    // `stats` makes an object, of some 40 ns: one look at each mebibyte of the longest records is enough.
    if (++n % 16 === 0 && log.stats().isBehind) await log.ready()
  }
  await log.sync()
}
