import { type Peer, type Store } from '../peers/peer.ts'
import { absence } from '../peers/all.ts'
import { type Absent, type Contestant, Unsound, rate } from './contest.ts'
import { inDirectory, removeDirectory, temporaryDirectory } from './disk.ts'
import { type Events, ValuesChecksum, checksumOf } from './events.ts'
import type { Goal } from './statistics.ts'

/** What is done with ours and with each peer in the same way. */

/** A contestant for each peer that can hold these records, a row with the reason for each other. */
export function contestants(
  peers: readonly Peer[],
  events: Events,
  goals: ReadonlyMap<Peer, Goal>,
  run: (peer: Peer, round: number) => Promise<number> | number,
): (Contestant | Absent)[] {
  const first = events.values[0]
  const bytes = first instanceof Uint8Array ? first.length : 0
  return peers.map((peer) => {
    const { name } = peer
    const refusal = peer.refuses?.(events.content, bytes)
    if (refusal !== undefined) return { name, role: 'peer', absent: `left out: ${refusal}` }
    const goal = goals.get(peer)
    return absence(peer) ?? { name, role: 'peer', run: (round) => run(peer, round), ...(goal && { goal }) }
  })
}

/**
 * Records a second into a store that has taken as many before the clock starts, all durable at the end: between its rounds
 * a process waits while others run, and is cold again. In the warm-up round they are read back and compared.
 */
export function appendRate(peer: Peer, { values, content }: Events, round: number): Promise<number> {
  return inDirectory(async (directory) => {
    const store = await peer.open(directory, content)
    await store.append(values)
    const figure = await rate(values.length, () => store.append(values))
    await store.close()
    if (round === 0) await compare(peer, directory, [...values, ...values], content)
    return figure
  })
}

async function compare(peer: Peer, directory: string, values: readonly unknown[], content: Events['content']) {
  const store = await peer.open(directory, content)
  await mustHold(peer.name, store, values)
  await store.close()
}

async function mustHold(name: string, store: Store, values: readonly unknown[]): Promise<void> {
  const found = new ValuesChecksum()
  await store.replay((value) => found.add(value))
  const { count, crc } = checksumOf(values)
  if (found.count !== count || found.crc !== crc) {
    throw new Unsound(`${name} was given ${count} values and gave back ${found.count}, not all as they were`)
  }
}

/** Stores that hold the events and were opened anew, so that nothing is known but what their files say. */
export class Stores {
  readonly #directories: string[] = []
  readonly #stores = new Map<Peer, Store>()
  readonly #values = new Map<Peer, readonly unknown[]>()

  async add(peer: Peer, { values, content }: Events): Promise<void> {
    if (absence(peer) !== undefined || peer.refuses?.(content, 0) !== undefined) return
    const directory = temporaryDirectory()
    this.#directories.push(directory)
    const written = await peer.open(directory, content)
    await written.append(values)
    await written.close()
    const store = await peer.open(directory, content)
    this.#stores.set(peer, store)
    this.#values.set(peer, values)
  }

  /** The store of this peer; in the warm-up round it is read and compared first. */
  async of(peer: Peer, round: number): Promise<Store> {
    const store = this.#stores.get(peer)!
    if (round === 0) await mustHold(peer.name, store, this.#values.get(peer)!)
    return store
  }

  async close(): Promise<void> {
    for (const store of this.#stores.values()) await store.close()
    this.#directories.forEach(removeDirectory)
  }
}
