import { closeSync, fdatasyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import type { Peer } from './peer.ts'

/** Lines in one write; more is not faster. */
const LINES = 1_000
const READ_BYTES = 1024 * 1024

/** What a program without a log does: a line of JSON for each record, and a sync. */
export const jsonLines: Peer = {
  name: 'lines of JSON, by hand',
  durability:
    'synced: a write and an `fdatasync` for each commit, one `fdatasync` behind an append; no checksums, no numbers, no lock, and a last line that is torn is for whoever reads',
  refuses: (content) => (content === 'bytes' ? 'its records are text' : undefined),
  open: (directory) => {
    mkdirSync(directory, { recursive: true })
    const path = `${directory}/lines.ndjson`
    const file = openSync(path, 'a+')
    return Promise.resolve({
      append: (values) => {
        for (let from = 0; from < values.length; from += LINES) {
          const lines = values.slice(from, from + LINES).map((value) => `${JSON.stringify(value)}\n`)
          writeAll(file, lines.join(''))
        }
        fdatasyncSync(file)
        return Promise.resolve()
      },
      commit: (value) => {
        writeAll(file, `${JSON.stringify(value)}\n`)
        fdatasyncSync(file)
        return undefined
      },
      replay: (see) => {
        for (const line of linesOf(file)) see(JSON.parse(line))
      },
      close: () => {
        closeSync(file)
        return Promise.resolve()
      },
    })
  },
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
}

function* linesOf(file: number): Generator<string> {
  const block = Buffer.allocUnsafe(READ_BYTES)
  let rest = Buffer.alloc(0)
  let position = 0
  for (;;) {
    const count = readSync(file, block, 0, block.length, position)
    if (count === 0) return
    position += count
    const bytes = Buffer.concat([rest, block.subarray(0, count)])
    const end = bytes.lastIndexOf(0x0a) + 1
    if (end > 0) yield* bytes.toString('utf8', 0, end - 1).split('\n')
    rest = bytes.subarray(end)
  }
}
