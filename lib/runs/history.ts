import type { Environment } from '../../segments/env/environment.ts'
import type { Anchor } from '../../segments/format/manifest.ts'
import type { ManifestStore } from '../../segments/manifest-store.ts'
import type { Entry } from '../read/entry.ts'
import type { ReadOptions } from '../read/range.ts'
import { type AnchorDraft, Anchors } from './anchors.ts'
import { type CursorListing, type CursorOptions, Cursors, type NamedCursor } from './cursors.ts'
import { Notes } from './notes.ts'
import { type ReplayOptions, type Replayed, replay } from './replay.ts'

/** What anchors, cursors and replays need of an open log. */
export interface HistorySource<T> {
  highWatermark(): number
  read(options: ReadOptions): Iterable<Entry<T>> & AsyncIterable<Entry<T>>
  mustBeOpen(): void
  mustBeWritable(): void
}

/** What the programs around a log keep with it: where their states are stored, and how far they have come. */
export class History<T> {
  readonly notes: Notes
  private readonly env: Environment
  private readonly source: HistorySource<T>
  private readonly anchorList: Anchors
  private readonly cursorList: Cursors<T>

  constructor(env: Environment, manifests: ManifestStore, anchorsKept: number, source: HistorySource<T>) {
    this.env = env
    this.source = source
    this.notes = new Notes(env, manifests)
    this.anchorList = new Anchors(this.notes, anchorsKept, () => source.highWatermark())
    this.cursorList = new Cursors(this.notes, source)
  }

  async anchor(draft: AnchorDraft): Promise<void> {
    this.source.mustBeWritable()
    await this.anchorList.set(draft)
  }

  anchors(): readonly Anchor[] {
    return this.anchorList.list()
  }

  cursor(name: string, options: CursorOptions | undefined): NamedCursor<T> {
    this.source.mustBeOpen()
    return this.cursorList.open(name, options)
  }

  cursors(): readonly CursorListing[] {
    return this.cursorList.list()
  }

  async replay(options: ReplayOptions<T>): Promise<Replayed> {
    const { env, source } = this
    source.mustBeOpen()
    const range = { anchors: this.anchors(), to: source.highWatermark() }
    return replay({ env, ...range, read: (from) => source.read(from), mustBeOpen: () => source.mustBeOpen() }, options)
  }
}
