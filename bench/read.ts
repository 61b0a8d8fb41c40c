import { type Result, check, compete, rate } from './measure/contest.ts'
import { removeDirectory, temporaryDirectory } from './measure/disk.ts'
import { type Events, described, orderEvents } from './measure/events.ts'
import { decodeBare, decodeWithCodec } from './measure/limits.ts'
import type { Goal } from './measure/statistics.ts'
import { Stores, contestants } from './measure/stores.ts'
import { amount, rounds } from './options.ts'
import { absence, everyone } from './peers/all.ts'
import { jsonLines } from './peers/json-lines.ts'
import { lmdbShapes } from './peers/lmdb.ts'
import type { Peer, Store } from './peers/peer.ts'
import { seglog } from './peers/seglog.ts'

/** Those of the peers that know records by number. */
const UNNUMBERED: readonly string[] = ['async-append-only-log', jsonLines.name]
const PEERS = everyone.filter(({ name }) => !UNNUMBERED.includes(name))
const GOALS = new Map<Peer, Goal>([[lmdbShapes, { atLeast: 1 }]])

/** P7: records at random places. */
export async function measure(): Promise<Result[]> {
  const events = orderEvents()
  return [await hot(events), await cold(events)]
}

async function hot(events: Events): Promise<Result> {
  const places = placesIn(events.values.length, amount(100_000, 2_000))
  const stores = new Stores()
  for (const peer of [seglog, ...PEERS]) await stores.add(peer, events)
  const run = async (peer: Peer, round: number): Promise<number> => {
    const store = await stores.of(peer, round)
    return rate(places.length, () => getAll(store, places))
  }
  const result = await compete({
    target: 'P7',
    title: `get at random, ${described(events)}`,
    unit: 'records a second, decoded; the store is open and the files are in the page cache',
    rounds,
    contestants: [
      { name: 'seglog get', role: 'ours', run: (round) => run(seglog, round) },
      ...contestants(PEERS, events, GOALS, run),
      { name: 'the decoder alone: cbor()', role: 'limit', run: decodeWithCodec(events.values) },
      { name: 'the decoder alone: cbor-x, with shapes', role: 'limit', run: decodeBare(events.values) },
    ],
    notes: [`${UNNUMBERED.join(' and ')}: know no numbers of records and are left out.`],
  })
  await stores.close()
  return result
}

/** The first records that are asked for after an opening: nothing is cached yet but by the system. */
async function cold(events: Events): Promise<Result> {
  const places = placesIn(events.values.length, 200)
  const directories = new Map<Peer, string>()
  for (const peer of [seglog, ...PEERS]) {
    if (absence(peer) !== undefined) continue
    const directory = temporaryDirectory()
    directories.set(peer, directory)
    const store = await peer.open(directory, 'values')
    await store.append(events.values)
    await store.close()
  }
  const run = async (peer: Peer): Promise<number> => {
    const store = await peer.open(directories.get(peer)!, 'values')
    const figure = await rate(places.length, () => getAll(store, places))
    await store.close()
    return figure
  }
  const result = await compete({
    target: 'P7',
    title: `the first ${places.length} gets after an opening, ${described(events)}`,
    unit: 'records a second, decoded; opening is not timed, the page cache of the system is warm',
    rounds,
    contestants: [
      { name: 'seglog get', role: 'ours', run: () => run(seglog) },
      ...contestants(PEERS, events, new Map(), run),
    ],
  })
  for (const directory of directories.values()) removeDirectory(directory)
  return result
}

/** Sequences all over the log, each far from the one before. */
function placesIn(count: number, asked: number): number[] {
  return Array.from({ length: asked }, (_, n) => 1 + ((n * 7_919_177) % count))
}

async function getAll(store: Store, places: readonly number[]): Promise<void> {
  for (const sequence of places) {
    const found = store.get!(sequence)
    const value = found instanceof Promise ? ((await found) as unknown) : found
    check((value as { receivedMs: number }).receivedMs === timeOf(sequence), 'it is the record that was asked for')
  }
}

/** As `orderEvents` made it. */
function timeOf(sequence: number): number {
  return 1_723_161_255_000 + (sequence - 1) * 3
}
