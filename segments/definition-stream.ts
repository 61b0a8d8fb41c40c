import { DEFINITION_LENGTH_BYTES } from './format/layout.ts'

/** Definitions one after the other, each behind its length. */
export function joinDefinitions(definitions: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    definitions.flatMap((definition) => {
      const length = Buffer.alloc(DEFINITION_LENGTH_BYTES)
      length.writeUInt32LE(definition.length)
      return [length, definition]
    }),
  )
}

/** Definitions of a stream, of memory of their own; undefined where they are not what the stream holds. */
export function splitDefinitions(stream: Buffer): Uint8Array[] | undefined {
  const definitions: Uint8Array[] = []
  for (let at = 0; at < stream.length;) {
    if (at + DEFINITION_LENGTH_BYTES > stream.length) return undefined
    const start = at + DEFINITION_LENGTH_BYTES
    at = start + stream.readUInt32LE(at)
    if (at > stream.length) return undefined
    definitions.push(Uint8Array.from(stream.subarray(start, at)))
  }
  return definitions
}
