import { SeglogError, checkMembers, invalid } from '../../segments/errors.ts'
import type { Anchor } from '../../segments/format/manifest.ts'
import type { Notes } from './notes.ts'

/** An anchor to set: the state as of a durable record is stored there, with this hash. */
export interface AnchorDraft {
  /** The state is that after this record, which is durable. */
  readonly sequence: number
  /** Where the state is stored: a path, a key, whatever finds it again. Up to 4,096 characters. */
  readonly ref: string
  /** Of what is stored there, to be compared before it is used; SHA-256 in hex, say. Up to 256 characters. */
  readonly hash: string
}

const REF_CHARACTERS_MAX = 4096
const HASH_CHARACTERS_MAX = 256

/** The anchors of an open log: where states of the program that reads it are stored. */
export class Anchors {
  private readonly notes: Notes
  private readonly kept: number
  private readonly highWatermark: () => number

  constructor(notes: Notes, kept: number, highWatermark: () => number) {
    this.notes = notes
    this.kept = kept
    this.highWatermark = highWatermark
  }

  /** Those that are durable, by sequence; the newest is the last. */
  list(): readonly Anchor[] {
    return this.notes.durable.anchors
  }

  set(draft: AnchorDraft): Promise<void> {
    checkMembers('an anchor', draft, ['sequence', 'ref', 'hash'])
    const { sequence, ref, hash } = draft
    text('ref', ref, REF_CHARACTERS_MAX)
    text('hash', hash, HASH_CHARACTERS_MAX)
    const highWatermark = this.highWatermark()
    if (!Number.isSafeInteger(sequence) || sequence < 1 || sequence > highWatermark) {
      throw invalid('sequence', `that of a durable record, from 1 to ${highWatermark}`, sequence)
    }
    const { anchors } = this.notes
    const newest = anchors.at(-1)
    if (newest !== undefined && sequence < newest.sequence) {
      throw new SeglogError('OUT_OF_ORDER', `there is an anchor at ${newest.sequence}, and anchors never go back`, {
        sequence,
        expected: `at least ${newest.sequence}`,
        found: sequence,
      })
    }
    const others = newest?.sequence === sequence ? anchors.slice(0, -1) : anchors
    this.notes.anchors = [...others, { sequence, ref, hash, at: this.notes.now() }].slice(-this.kept)
    return this.notes.save()
  }
}

function text(name: string, found: unknown, charactersMax: number): void {
  if (typeof found === 'string' && found !== '' && found.length <= charactersMax) return
  throw invalid(name, `a text of 1 to ${charactersMax} characters`, found)
}
