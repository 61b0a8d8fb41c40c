import type { Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { readUpTo, withFileIfThere } from '../segments/files.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { sidecarName } from '../segments/format/names.ts'
import { PAGE_BYTES } from '../segments/format/sidecar.ts'
import { Sidecar, identityOf, readFooter } from '../segments/sidecar.ts'

/**
 * Payloads of the dictionary frames of a sealed segment, from the sidecar beside it: a second copy, of use where such a
 * frame is damaged. Empty where there is no sidecar that is sound and belongs to it; one that cannot be read is an error.
 */
export function* definitionsBeside(segment: string, logId: string, line: SealedLine): Steps<readonly Uint8Array[]> {
  const path = `${segment.slice(0, segment.lastIndexOf('/'))}/${sidecarName(line.ordinal)}`
  return (yield* withFileIfThere(path, (handle) => definitionsIn(handle, logId, line))) ?? []
}

function* definitionsIn(handle: Handle, logId: string, line: SealedLine): Steps<readonly Uint8Array[] | undefined> {
  const footer = yield* readFooter(handle, identityOf(logId, line))
  if (typeof footer === 'string') return undefined
  const sidecar = new Sidecar(footer, (page, isSound) => readPage(handle, page, isSound))
  return yield* sidecar.definitions()
}

function* readPage(handle: Handle, page: number, isSound: (bytes: Buffer) => boolean): Steps<Buffer | undefined> {
  const bytes = Buffer.alloc(PAGE_BYTES)
  const length = yield* readUpTo(handle, bytes, 0, PAGE_BYTES, page * PAGE_BYTES)
  return length === PAGE_BYTES && isSound(bytes) ? bytes : undefined
}
