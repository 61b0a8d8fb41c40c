import { type Steps, step } from './env/steps.ts'
import { SeglogError, hasCode, newerFormat } from './errors.ts'
import { readAll, withFile } from './files.ts'
import { type Manifest, type ManifestFinding, decodeManifest } from './format/manifest.ts'
import { manifestName, parseName } from './format/names.ts'

/** Manifests are small; a larger one is none. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024

/** A writer that made so many manifests while a reader looked for the newest is none of ours. */
const ROUNDS_MAX = 1000

const NOT_A_FILE = ['ELOOP', 'EINVAL']

/** One generation, checked to be the one of its name; `isGone` where no file has that name any more. */
export function* readManifest(
  directory: string,
  generation: number,
): Steps<ManifestFinding & { readonly isGone?: true }> {
  const file = `${directory}/${manifestName(generation)}`
  let bytes: Buffer
  try {
    bytes = yield* withFile(file, 'read', (handle) => readAll(handle, file, MANIFEST_BYTES_MAX))
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { found: 'foreign', isGone: true }
    if (NOT_A_FILE.some((code) => hasCode(error, code))) return { found: 'damaged', reason: 'it is not a regular file' }
    if (error instanceof SeglogError && error.code === 'CORRUPT') return { found: 'damaged', reason: 'it is too long' }
    throw error
  }
  const finding = decodeManifest(bytes)
  return finding.found !== 'manifest' || finding.manifest.generation === generation ? finding : { found: 'foreign' }
}

/**
 * The newest manifest that can be read, beside a writer that makes new ones and removes old ones meanwhile; undefined where
 * none can. Nothing is read where the newest name is that of `known`.
 */
export function* newestManifest(directory: string, known: Manifest | undefined): Steps<Manifest | undefined> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const names = yield* step({ do: 'list', path: directory })
    const generations = names
      .flatMap(({ name, kind }) => {
        const parsed = parseName(name)
        return kind === 'file' && parsed.kind === 'manifest' ? [parsed.number] : []
      })
      .sort((a, b) => b - a)
    let isGone = false
    for (const generation of generations) {
      if (generation === known?.generation) return known
      const finding = yield* readManifest(directory, generation)
      if (finding.found === 'manifest') return finding.manifest
      if (finding.found === 'newer') throw newerFormat(`${directory}/${manifestName(generation)}`)
      isGone = finding.isGone === true
      if (isGone) break
    }
    // One that went while it was looked for has a successor, which was not listed yet.
    if (!isGone) return undefined
  }
  throw new SeglogError('IO', 'no manifest stayed long enough to be read. Try again.', { file: directory })
}
