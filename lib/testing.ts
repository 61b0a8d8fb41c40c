/**
 * For tests of crashes, ours and yours: a simulated machine whose power can be cut, and an explorer that runs a program
 * through every place in which it may die. `docs/testing.md` has a worked example.
 */
export {
  simulate,
  SimulatedDeath,
  type CallMode,
  type CallNote,
  type CrashOptions,
  type DeathMoment,
  type ErrorName,
  type Fault,
  type FaultOutcome,
  type SimulatedCalls,
  type SimulatedEnvironment,
  type SimulatedFiles,
  type SimulationOptions,
  type TraceEntry,
} from '../segments/env/simulated.ts'
export type {
  Access,
  Call,
  DirectoryEntry,
  Done,
  EntryKind,
  Environment,
  FileStatus,
  Handle,
  Listener,
  ProcessIdentity,
  ResultOf,
  Results,
  SocketProbe,
  SystemError,
  Timer,
} from '../segments/env/environment.ts'
export { CaseFailed, type Case, type Fate } from './testing/case.ts'
export { explore, type Exploration, type ExploreOptions } from './testing/explorer.ts'
export { runCase, type Past } from './testing/lives.ts'
export type { Life, Subject } from './testing/subject.ts'
export { GuardedEnvironment } from './testing/guarded.ts'
export { LogSubject } from './testing/log-subject.ts'
export { openSimulated, type LogSetup, type Opened } from './testing/session.ts'
export type { CallFilter, Command } from './testing/commands.ts'
export { Ledger, OracleError, type BackupNote, type Survivor } from './testing/ledger.ts'
export type { OtherKind } from '../segments/env/tree.ts'
export type { VirtualClock } from '../segments/env/virtual-clock.ts'
export type { LockCalls } from '../segments/lock-survey.ts'
export { BYTE_VALUES, CBOR_VALUES, KEYED_VALUES, type RecordNote, type Values } from './testing/values.ts'
export { KEY_WORKLOAD, SHAPE_WORKLOAD, WORKLOADS } from './testing/workloads.ts'
