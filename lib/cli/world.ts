import type { Environment } from '../../segments/env/environment.ts'

/** Where the command prints. */
export interface Sink {
  readonly isTerminal: boolean
  /** Width of a terminal; 80 where there is none. */
  readonly columns: number
  /** Resolves when more may be written. After the reader has gone it does nothing. */
  write(text: string): Promise<void>
}

/** What the command has of the world; `main.ts` makes the real one. */
export interface World {
  readonly env: Environment
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdout: Sink
  readonly stderr: Sink
  readonly colours: 'on' | 'off'
  /** Aborted by Ctrl-C (its reason is `Interrupted`) and when nobody reads what is printed (`ClosedPipe`). */
  readonly signal: AbortSignal
}

/** Whoever read the output has gone, as in `seglog cat … | head`. */
export class ClosedPipe extends Error {}

/** Ctrl-C, or a request to end. */
export class Interrupted extends Error {}
