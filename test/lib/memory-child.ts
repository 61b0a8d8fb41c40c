import { bytes, openLog } from '../../lib/index.ts'

/** Writes 1 GiB, walks over it in each way, and says how far the memory of the process rose above the start of the walk. */
const TOTAL_BYTES = 1 << 30
const RECORD_BYTES = 4096
const LOOK_EVERY = 1024

const [directory] = process.argv.slice(2)
const log = await openLog<Uint8Array>(directory!, { codec: bytes(), durability: 'written' })
const value = new Uint8Array(RECORD_BYTES).fill(7)
for (let written = 0; written < TOTAL_BYTES; written += RECORD_BYTES) {
  log.append(value)
  if (log.stats().isBehind) await log.ready()
}
await log.sync()

let start = 0
let peak = 0
let count = 0
function begin(): void {
  start = peak = process.memoryUsage().rss
  count = 0
}
function look(): void {
  count += 1
  if (count % LOOK_EVERY === 0) peak = Math.max(peak, process.memoryUsage().rss)
}
function report(walk: string): void {
  console.log(JSON.stringify({ walk, count, aboveMib: (peak - start) / (1 << 20) }))
}

let bytesSeen = 0
begin()
for (const _entry of log.read()) look()
report('sequences only')
begin()
for (const entry of log.read()) {
  bytesSeen += entry.value.length
  look()
}
report('forward')
begin()
for (const entry of log.read({ reverse: true })) {
  bytesSeen += entry.value.length
  look()
}
report('reverse')
begin()
for await (const entry of log.read()) {
  bytesSeen += entry.value.length
  look()
}
report('asynchronous')
await log.close()
if (bytesSeen !== 3 * TOTAL_BYTES) throw new Error(`read ${bytesSeen} bytes`)
