import type { Finding } from '../../recovery/evidence.ts'
import type { SequenceRange } from '../../segments/format/manifest.ts'
import type { Printer } from './printer.ts'
import { printable, rangeText } from './text.ts'

/** Findings that people are shown; programs get all. */
const SHOWN_MAX = 50

/** Prints what is not as it should be, `all` in number, of which the list may hold only the first. */
export function printFindings(out: Printer, directory: string, findings: readonly Finding[], all: number): void {
  for (const finding of findings) out.object({ type: 'finding', ...finding })
  for (const finding of findings.slice(0, SHOWN_MAX)) {
    const { code, message, offset, from, to } = finding
    const file = finding.file.startsWith(`${directory}/`) ? finding.file.slice(directory.length + 1) : finding.file
    const where = offset === undefined ? file : `${file} at offset ${offset}`
    const records = from === undefined || to === undefined ? '' : ` (${rangeText(from, to)})`
    out.line(
      `${out.styled(code, code === 'IGNORED' ? 'dim' : 'red')}  ${printable(where)}: ${printable(message)}${records}`,
    )
  }
  if (all > SHOWN_MAX) out.line(`… and ${all - Math.min(SHOWN_MAX, findings.length)} more`)
}

/** `3, 7 to 9`, at most so many of them. */
export function rangesText(ranges: readonly SequenceRange[], shownMax = 10): string {
  const texts = ranges.slice(0, shownMax).map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`))
  return texts.join(', ') + (ranges.length > shownMax ? `, … (${ranges.length} ranges)` : '')
}
