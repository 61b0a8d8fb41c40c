import { cbor } from '../../lib/codecs/cbor.ts'
import type { Log } from '../../lib/log.ts'
import { openLogWith } from '../../lib/open.ts'
import type { OpenOptions } from '../../lib/options.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { DIR, type Item } from '../recovery/world.ts'

const SEGMENT_BYTES_MIN = 512

/** Opens a log with a chain on a simulated machine. */
export function openChained(env: SimulatedEnvironment, options: OpenOptions<Item> = {}): Promise<Log<Item>> {
  const chained = { chain: 'sha256', codec: cbor<Item>(), segmentBytes: 2048, ...options } as const
  return env.drive(openLogWith<Item>(DIR, { environment: env, ...chained }, SEGMENT_BYTES_MIN))
}

/** A machine with nothing on it. */
export const machine = (seed = 1): SimulatedEnvironment => simulate(seed, { landing: 'prompt' })
