import { openReadOnly } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'

/** A reader, perhaps of another user: reads a log in every way, says what it found, and with `follow` goes on for a while. */
export interface ReadSettings {
  readonly directory: string
  readonly uid?: number
}

export interface WasRead {
  readonly end: string
  readonly count: number
  readonly last: number
  readonly single: number | undefined
  readonly followed: number
}

const { directory, uid } = settingsOf<ReadSettings>()
if (uid !== undefined) {
  process.setgid!(uid)
  process.setuid!(uid)
}
const reader = await openReadOnly(directory)
let count = 0
for (const { sequence } of reader.read()) count += sequence > 0 ? 1 : 0
for await (const { sequence } of reader.read({ reverse: true })) count -= sequence > 0 ? 1 : 0
for (const { sequence } of reader.read()) count += sequence > 0 ? 1 : 0
const last = reader.highWatermark
let followed = 0
for await (const { sequence } of reader.follow()) {
  followed = sequence
  if (sequence === last) break
}
const found: WasRead = {
  end: reader.report.end,
  count,
  last,
  single: reader.get(last >> 1)?.sequence,
  followed,
}
await reader.close()
say('read', found)
