import { fillWithZeros } from '../segments/segment-files.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { createFile } from '../segments/files.ts'
import type { ChainName } from '../segments/format/chain.ts'
import { LOG_ID_BYTES, SLOTS_FILE_BYTES } from '../segments/format/layout.ts'
import type { Manifest, RunIdentity } from '../segments/format/manifest.ts'
import { SLOTS_NAME, segmentName, temporaryName } from '../segments/format/names.ts'
import { nonce } from '../segments/manifest-store.ts'
import { nanoseconds } from '../segments/timeline.ts'

/** The manifest that a log starts from; its first generation is still to be written. */
export function firstManifest(
  env: Environment,
  codec: string,
  segmentBytes: number,
  chain: ChainName,
  run: RunIdentity | null,
): Manifest {
  return {
    generation: 0,
    logId: Buffer.from(env.randomBytes(LOG_ID_BYTES)).toString('hex'),
    epoch: 0,
    createdAt: String(nanoseconds(env.nowMs())),
    status: 'running',
    options: { segmentBytes, codec, compression: 'none', chain },
    highWatermark: { ordinal: 0, offset: 0, sequence: 0 },
    clean: null,
    segments: [],
    lost: [],
    keys: {},
    anchors: [],
    cursors: {},
    run,
  }
}

/** Makes a file of zeros under its final name, over whatever has it; the name is durable after a directory sync. */
export function* placeZeros(env: Environment, directory: string, ordinal: number, bytes: number): Steps<void> {
  const temporary = `${directory}/${temporaryName('segment', nonce(env))}`
  yield* fillWithZeros(temporary, bytes)
  yield* step({ do: 'rename', from: temporary, to: `${directory}/${segmentName(ordinal)}` })
}

/** Makes the file of the durable slots, both empty. */
export function* placeSlots(env: Environment, directory: string): Steps<void> {
  const temporary = `${directory}/${temporaryName('durable', nonce(env))}`
  yield* createFile(temporary, Buffer.alloc(SLOTS_FILE_BYTES))
  yield* step({ do: 'rename', from: temporary, to: `${directory}/${SLOTS_NAME}` })
}
