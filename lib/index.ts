export {
  openArchived,
  type OpenArchivedOptions,
  openLog,
  type OpenLogOptions,
  openReadOnly,
  type OpenReadOnlyOptions,
} from './open.ts'
export type { ReadOnlyLog } from './read-only.ts'
export type { ReadOnlyReport, WriterLife } from './look.ts'
export type { Log, LogStats } from './log.ts'
export type { OpenOptions } from './options.ts'
export {
  copyLog,
  salvageLog,
  verifyLog,
  type VerifyOptions,
  type WatchOptions,
  type WorldOption,
} from './operations.ts'
export type { ArchiveOptions, ArchivePlanOptions, ArchiveReport, ArchivedSegment, RestoreOptions } from './archive.ts'
export type { ArchivedSegments } from './archive-reader.ts'
export type { Keep, RetentionPlan } from './archive-retention.ts'
export type { ArchiveMessage, CommitMessage, FailureMessage, RecoveryMessage, RollMessage } from './observability.ts'
export type { Entry } from './read/entry.ts'
export type { FollowOptions } from './read/follow.ts'
export type { ReadOptions } from './read/range.ts'
export type { Records } from './read/reader.ts'
export type { KeyState } from './keys/builder.ts'
export type { KeyFunction, KeyOption, KeyOptions } from './keys/definitions.ts'
export type { KeyValue } from './keys/key-value.ts'
export type { LookupOptions } from './keys/lookup.ts'
export type { Receipt } from './keys/once.ts'
export type { OnceOptions, RecordOptions } from './writing.ts'
export { openStore, type StartOptions, type Store, type StoreOptions } from './store.ts'
export type { RunDraft, SealedStatus } from './runs/identity.ts'
export type { LogListing } from './runs/listing.ts'
export { type CrashedPredecessor, predecessorOf } from './runs/predecessor.ts'
export type { SweptRun } from './runs/sweep.ts'
export type { AnchorDraft } from './runs/anchors.ts'
export type { CursorListing, CursorOptions, NamedCursor } from './runs/cursors.ts'
export type { Replayed, ReplayOptions, ReplayProgress, Restored } from './runs/replay.ts'
export { bytes } from './codecs/bytes.ts'
export { cbor, type CborOptions } from './codecs/cbor.ts'
export type { Codec, Decoder, Encoder, SimpleCodec } from './codecs/codec.ts'
export { json } from './codecs/json.ts'
export { SeglogError, type ErrorCode, type ErrorDetails } from '../segments/errors.ts'
export type { ChainHead } from '../segments/chain.ts'
export type { Durability } from '../segments/placer.ts'
export type { CutReport, RecoveryReport } from '../recovery/report.ts'
export type { CopyReport } from '../recovery/backup.ts'
export type { SalvageReport } from '../recovery/salvage.ts'
export type { Progress } from '../recovery/verify-progress.ts'
export type { VerifyReport } from '../recovery/verify.ts'
export type { ChainReport } from '../recovery/verify-chain.ts'
export type { Finding } from '../recovery/evidence.ts'
export type { Row as RecoveryRow } from '../recovery/decide.ts'
export type {
  Anchor,
  CursorState,
  LogOptions,
  Manifest,
  OpenLine,
  RunIdentity,
  RunStatus,
  SealedLine,
  SegmentLine,
  SequenceRange,
  StoredDefinition,
} from '../segments/format/manifest.ts'
export type { ChainName } from '../segments/format/chain.ts'
export type { Position } from '../segments/format/slots.ts'
export type { CompressionName } from '../segments/format/compression.ts'
export type { Environment, ProcessIdentity, SocketProbe } from '../segments/env/environment.ts'
export { memoryEnvironment, type MemoryOptions } from '../segments/env/memory.ts'
export { nodeEnvironment, type NodeOptions } from '../segments/env/node.ts'
export type { DurableWrites } from '../segments/env/node-files.ts'
