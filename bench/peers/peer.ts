/** A log of values, ours or another's, as the benches use it. Each peer is one small file behind this interface. */
export interface Peer {
  readonly name: string
  /** What is safe when it says "done", and by which settings. */
  readonly durability: string
  /** Makes it when it is not there. `values` are objects; `bytes` are Uint8Arrays. */
  open(directory: string, content: Content): Promise<Store>
  /** Why it cannot hold such records; undefined when it can. */
  refuses?(content: Content, bytes: number): string | undefined
}

export type Content = 'values' | 'bytes'

export interface Store {
  /** Appends these behind what is there, the fastest way it has; all are durable when it resolves. */
  append(values: readonly unknown[]): Promise<void>
  /** Appends one; it is durable when this returns or resolves. */
  commit(value: unknown): Promise<unknown> | undefined
  /** All values, in order, each decoded. */
  replay(see: (value: unknown) => void): Promise<void> | void
  /** The value with this number, from 1 on, decoded; a promise where there is no other way. Not all have it. */
  get?(sequence: number): unknown
  close(): Promise<void>
}
