export { openLog, type OpenLogOptions } from './open.ts'
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
export type { Entry } from './read/entry.ts'
export type { ReadOptions } from './read/range.ts'
export type { Records } from './read/reader.ts'
export type { KeyFunction, KeyOption, KeyOptions } from './keys/definitions.ts'
export type { KeyValue } from './keys/key-value.ts'
export type { LookupOptions } from './keys/lookup.ts'
export type { Receipt } from './keys/once.ts'
export type { OnceOptions, RecordOptions } from './writing.ts'
export type { AnchorDraft } from './runs/anchors.ts'
export type { CursorListing, CursorOptions, NamedCursor } from './runs/cursors.ts'
export type { Replayed, ReplayOptions, ReplayProgress, Restored } from './runs/replay.ts'
export { bytes } from './codecs/bytes.ts'
export { cbor, type CborOptions } from './codecs/cbor.ts'
export type { Codec, Decoder, Encoder, SimpleCodec } from './codecs/codec.ts'
export { json } from './codecs/json.ts'
export { SeglogError, type ErrorCode, type ErrorDetails } from '../segments/errors.ts'
export type { Durability } from '../segments/placer.ts'
export type { CutReport, RecoveryReport } from '../recovery/report.ts'
export type { CopyReport } from '../recovery/backup.ts'
export type { SalvageReport } from '../recovery/salvage.ts'
export type { Progress } from '../recovery/verify-progress.ts'
export type { VerifyReport } from '../recovery/verify.ts'
export type { Finding } from '../recovery/evidence.ts'
export type { Anchor } from '../segments/format/manifest.ts'
export type { Environment } from '../segments/env/environment.ts'
export { memoryEnvironment, type MemoryOptions } from '../segments/env/memory.ts'
export { nodeEnvironment } from '../segments/env/node.ts'
