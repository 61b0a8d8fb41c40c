import type { Steps } from '../segments/env/steps.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { segmentName } from '../segments/format/names.ts'
import { identityOf } from '../segments/sidecar.ts'
import { fileOf } from './archive.ts'
import type { Finding } from './evidence.ts'
import { Findings, range } from './verify-findings.ts'
import { type Verification, type WholeSegment, checkWhole, wholeAsListed } from './verify-segments.ts'
import { PlaceSums, checkSidecar } from './verify-sidecar.ts'
import type { Survey } from './verify-survey.ts'

/** Checks a sealed or archived segment, where its line says, and its sidecar; `last` is the line that was checked before. */
export function* checkLine(
  verification: Verification,
  { directory, adopted }: Survey,
  line: SealedLine,
  last: SealedLine | undefined,
): Steps<Findings> {
  const path = fileOf(directory, line)
  const places = new PlaceSums()
  const whole: WholeSegment = {
    ...wholeAsListed(line),
    places,
    path,
    before: last?.ordinal === line.ordinal - 1 ? last : undefined,
  }
  const found = yield* checkWhole(verification, whole)
  const isAsSealed = found.count === 0
  if (isAsSealed) yield* checkSidecar(path, identityOf(verification.manifest.logId, line), places, found)
  if (adopted.includes(line.ordinal)) {
    // Of one that was sealed with damage inside the opening asks no more than that it is there.
    found.add(isAsSealed || line.damaged === true ? adoptedFinding(line, path) : notAdopted(line, directory))
  }
  if (line.place === undefined || found.list[0]?.message !== 'a segment is missing') return found
  const away = new Findings(verification.findingsMax)
  const message = 'an archived segment is not where it was put; if that volume is away, this is no damage'
  away.add({ ...found.list[0], code: 'ARCHIVED', message })
  return away
}

function adoptedFinding({ firstSequence, lastSequence }: SealedLine, file: string): Finding {
  const message =
    'a sealed segment is missing in the log and was found in archive/; from the next opening for writing on it counts as archived'
  return { code: 'ARCHIVED', message, file, ...range(firstSequence, lastSequence) }
}

function notAdopted({ ordinal, firstSequence, lastSequence }: SealedLine, directory: string): Finding {
  const message = 'a segment is missing, and the one in archive/ is not as it was sealed'
  const file = `${directory}/${segmentName(ordinal)}`
  return { code: 'GAP', message, file, ...range(firstSequence, lastSequence) }
}
