import { readFileSync, writeFileSync } from 'node:fs'

import type { Log } from '../../lib/index.ts'
import type { GatewayState } from './book.ts'
import type { Life } from './gateway-life.ts'
import type { Message } from './messages.ts'

/** From where the next life of the gateway must go on; damages the newest snapshot once, on purpose. */
export class Resumption {
  #killsUntilDamage: number
  #damaged: number | undefined
  #snapshots: readonly number[] = []

  constructor(killsUntilDamage: number) {
    this.#killsUntilDamage = killsUntilDamage
  }

  /** The gateway rebuilds its state with its own eyes; it must have found what the parent found just before. */
  check({ resumed }: Life, reference: GatewayState): string[] {
    const { sequence, digest, snapshot, refused } = resumed
    const problems: string[] = []
    if (sequence !== reference.applied || digest !== reference.digest()) {
      problems.push(
        `the gateway resumed at ${sequence} with digest ${digest}, the log had ended at ${reference.applied}`,
      )
    }
    const good = this.#snapshots.filter((each) => each !== this.#damaged)
    const wanted = good.at(-1) ?? 0
    const isDamaged = this.#damaged !== undefined && this.#snapshots.at(-1) === this.#damaged
    if (snapshot !== wanted || refused !== (isDamaged ? 1 : 0)) {
      problems.push(`it went on from the snapshot at ${snapshot} after ${refused} refused, not from that at ${wanted}`)
    }
    return problems
  }

  /** Notes the snapshots that the log names. Where it is time, a byte of the newest is turned; says of which. */
  note(log: Log<Message>): number | undefined {
    const anchors = log.anchors()
    this.#snapshots = anchors.map(({ sequence }) => sequence)
    this.#killsUntilDamage -= 1
    const newest = anchors.at(-1)
    if (newest === undefined || this.#killsUntilDamage > 0 || this.#damaged !== undefined) return undefined
    const bytes = readFileSync(newest.ref)
    bytes[bytes.length >>> 1]! ^= 1
    writeFileSync(newest.ref, bytes)
    this.#damaged = newest.sequence
    return this.#damaged
  }
}
