import type { ChainHead } from '../segments/chain.ts'

/** What is asked of a verification. */
export interface VerifyRequest {
  readonly findingsMax: number
  /** `segments`: archived ones without their log. They have no manifest, and some may be elsewhere. */
  readonly of: 'log' | 'segments'
  /** `checkpoint`: nothing is read that lies before the segment with the newest checkpoint. */
  readonly from: 'first' | 'checkpoint'
  /** What the head was when it was kept elsewhere. A checkpoint behind it is not begun from. */
  readonly expect: ChainHead | undefined
}
