import { inspect } from '../../recovery/inspect.ts'
import type { Environment } from '../../segments/env/environment.ts'
import { runNow } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import { acquireLock } from '../../segments/lock.ts'
import { ManifestStore } from '../../segments/manifest-store.ts'
import { NameSyncs } from '../../segments/name-syncs.ts'

/**
 * Seals a run that cannot be opened for writing, because acknowledged records are lost: one more manifest, and not a byte
 * of its segments changes, so that what can be read and salvaged stays so.
 */
export async function quarantineAsItIs(env: Environment, directory: string): Promise<void> {
  const lock = await acquireLock(env, directory)
  try {
    const { manifest, manifestFrom, generations } = runNow(env, inspect(directory))
    if (manifest === undefined || manifestFrom === 'rebuilt') {
      const message = 'no manifest of this run can be read, and acknowledged records are lost. Move its directory away.'
      throw new SeglogError('CORRUPT', message, { file: directory })
    }
    const newest = { ...manifest, generation: Math.max(manifest.generation, ...generations) }
    const readable = generations.filter((generation) => generation <= manifest.generation)
    const manifests = new ManifestStore(new NameSyncs(env, directory), newest, readable, () => manifest.highWatermark)
    runNow(
      env,
      manifests.update((latest) => ({ ...latest, status: 'quarantined' })),
    )
  } finally {
    lock.release()
  }
}
