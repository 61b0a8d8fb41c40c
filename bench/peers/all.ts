import type { Absent } from '../measure/contest.ts'
import { asyncAppendOnlyLog } from './async-append-only-log.ts'
import { classicLevel } from './classic-level.ts'
import { eventStorage } from './event-storage.ts'
import { jsonLines } from './json-lines.ts'
import { lmdbCbor, lmdbShapes } from './lmdb.ts'
import { whyAbsent } from './packages.ts'
import type { Peer } from './peer.ts'
import { sqlite } from './sqlite.ts'

const PACKAGES: ReadonlyMap<Peer, string> = new Map([
  [lmdbShapes, 'lmdb'],
  [lmdbCbor, 'lmdb'],
  [sqlite, 'better-sqlite3'],
  [classicLevel, 'classic-level'],
  [eventStorage, 'event-storage'],
  [asyncAppendOnlyLog, 'async-append-only-log'],
])

/** All peers, or those of a target. */
export const everyone: readonly Peer[] = [...PACKAGES.keys(), jsonLines]

/** A row that says why a peer is not measured; undefined when it is. */
export function absence(peer: Peer): Absent | undefined {
  const name = PACKAGES.get(peer)
  const absent = name && whyAbsent(name)
  return absent === undefined ? undefined : { name: peer.name, role: 'peer', absent }
}

/** What each says of itself, for the notes below a table. */
export function durabilityNotes(peers: readonly Peer[]): string[] {
  return peers.map(({ name, durability }) => `${name}: ${durability}.`)
}
