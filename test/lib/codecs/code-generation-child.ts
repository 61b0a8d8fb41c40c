import { cbor } from '../../../lib/codecs/cbor.ts'

/** Says whether code can be made of text here, and what a shape reads as that is read often enough to be compiled. */
let compiles = true
try {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- whether it can is the question.
  new Function('return 1')
} catch {
  compiles = false
}
const codec = cbor()
const encoder = codec.encoder([])
const decoder = codec.decoder()
const read: unknown[] = []
for (let n = 0; n < 300; n++) {
  const bytes = Uint8Array.from(encoder.encode({ n, side: 'buy' }))
  for (const definition of encoder.takeDefinitions() ?? []) decoder.define(definition)
  read.push(decoder.decode(bytes, 0, bytes.length, encoder.plain))
}
console.log(JSON.stringify({ compiles, read }))
