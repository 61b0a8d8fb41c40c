import { runNow, step } from '../../../segments/env/steps.ts'
import type { SimulatedEnvironment } from '../../../segments/env/simulated.ts'
import { readAll, withFile } from '../../../segments/files.ts'
import { type Manifest, type SealedLine, decodeManifest } from '../../../segments/format/manifest.ts'
import { segmentName, sidecarName } from '../../../segments/format/names.ts'
import { SegmentScanner } from '../../../segments/scan.ts'
import { OffsetList } from '../../../segments/segment.ts'
import { writeSidecar } from '../../../segments/sidecar-writing.ts'
import { identityOf } from '../../../segments/sidecar.ts'

/** Gives each sealed segment of the log in `/log` a sidecar, as it should be unless `lie` moves places; returns their paths. */
export function makeSidecars(sim: SimulatedEnvironment, lie = (units: number): number => units): string[] {
  const { logId, segments } = manifestOf(sim)
  return segments.flatMap((line) => {
    if (line.state !== 'sealed') return []
    runNow(sim, makeSidecar(sim, logId, line, lie))
    return [`/log/${sidecarName(line.ordinal)}`]
  })
}

function* makeSidecar(
  sim: SimulatedEnvironment,
  logId: string,
  line: SealedLine,
  lie: (units: number) => number,
): ReturnType<typeof writeSidecar> {
  const key = { ...line, baseTimestamp: BigInt(line.baseTimestamp) }
  const scan = yield* withFile(`/log/${segmentName(line.ordinal)}`, 'read', function* (handle) {
    const size = yield* step({ do: 'size', handle })
    return yield* new SegmentScanner(handle, size, key).run('search')
  })
  const { definitions } = scan
  const offsets = new OffsetList()
  for (let index = 0; index < scan.offsets.length; index++) offsets.push(lie(scan.offsets.at(index)))
  yield* writeSidecar(sim, '/log', identityOf(logId, line), { offsets, definitions, keyTables: [] })
}

function manifestOf(sim: SimulatedEnvironment): Manifest {
  const names = sim.call({ do: 'list', path: '/log' }).filter(({ name }) => name.startsWith('manifest-'))
  const finding = decodeManifest(
    runNow(
      sim,
      withFile(`/log/${names.at(-1)!.name}`, 'read', (handle) => readAll(handle, 'manifest', 1 << 20)),
    ),
  )
  if (finding.found !== 'manifest') throw new Error(finding.found)
  return finding.manifest
}
