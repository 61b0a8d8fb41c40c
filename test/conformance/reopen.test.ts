import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import type { Log } from '../../lib/log.ts'
import { type Store, openStoreWith } from '../../lib/store.ts'
import { crc32 } from '../../segments/format/checksum.ts'
import { FORMAT_VERSION } from '../../segments/format/layout.ts'
import { parseName } from '../../segments/format/names.ts'
import { textFile } from '../tidy/files.ts'
import { rowsOf } from '../tidy/tables.ts'
import { SEGMENT_BYTES, type World, everywhere, fill, overwrite, readFile, snapshot } from './worlds.ts'

type Bytes = Uint8Array

const RUN = 'desk/r-1'
const RECORDS = 20

/** What stands in the directory of the run when the next process comes; gives the world as that process has it. */
type State = (world: World) => Promise<World>

/** What is done with it: opened to write, passed by when the next run starts, opened to read, listed, swept. */
const COLUMNS = ['openRun', 'startRun', 'openSealed', 'list', 'recover'] as const
type Column = (typeof COLUMNS)[number]

function storeOf({ env, directory }: World): Store<Bytes> {
  const options = { codec: bytes(), segmentBytes: SEGMENT_BYTES, environment: env }
  return openStoreWith<Bytes>(directory, options, SEGMENT_BYTES)
}

async function started(world: World): Promise<Log<Bytes>> {
  const log = await world.wait(storeOf(world).startRun('desk', 'r-1'))
  await fill(log, RECORDS)
  return log
}

/** Its writer was killed; where a world has no such thing, the run was closed and never sealed. */
async function left(world: World): Promise<World> {
  const log = await started(world)
  if (world.killed !== undefined) return { ...world, env: world.killed() }
  await world.wait(log.close())
  return world
}

function sealed(status: 'ended' | 'crashed-recovered' | 'quarantined'): State {
  return async (world) => {
    const log = await started(world)
    await world.wait(log.seal(status))
    await world.wait(log.close())
    return world
  }
}

function pathsOf({ env, directory }: World, kind: 'manifest' | 'segment'): string[] {
  const path = `${directory}/${RUN}`
  const names = env.call({ do: 'list', path }).map(({ name }) => name)
  return names.filter((name) => parseName(name).kind === kind).map((name) => `${path}/${name}`)
}

async function withoutManifest(world: World): Promise<World> {
  const next = await left(world)
  for (const path of pathsOf(next, 'manifest')) next.env.call({ do: 'unlink', path })
  return next
}

const absent: State = (world) => Promise.resolve(world)

/** Lets the writer that is alive go: a directory cannot be removed while it works there. */
let letGo: (() => Promise<void>) | undefined

async function alive(world: World): Promise<World> {
  const log = await started(world)
  letGo = () => world.wait(log.close())
  return world
}

/** The same with its sealing recorded in the log only. */
async function sealedWithoutManifest(world: World): Promise<World> {
  const next = await sealed('ended')(world)
  for (const path of pathsOf(next, 'manifest')) next.env.call({ do: 'unlink', path })
  return next
}

async function newer(world: World): Promise<World> {
  const next = await left(world)
  for (const path of pathsOf(next, 'manifest')) {
    const text = readFile(next.env, path).toString('latin1')
    const [old, version] = [FORMAT_VERSION, FORMAT_VERSION + 1].map((each) => String(each).padStart(4, '0'))
    const body = text.slice(text.indexOf('"body":') + '"body":'.length, -2)
    const crc = (crc32(Buffer.from(body, 'latin1'), crc32(Buffer.from(version!))) >>> 0).toString(16).padStart(8, '0')
    const changed = text.replace(`"${old!}"`, `"${version!}"`).replace(/"crc":"\w{8}"/, `"crc":"${crc}"`)
    overwrite(next.env, path, 0, Buffer.from(changed, 'latin1'))
  }
  return next
}

/** Where the acknowledged records end in the only segment. */
function endOf(world: World): { readonly path: string; readonly end: number } {
  const path = pathsOf(world, 'segment')[0]!
  const file = readFile(world.env, path)
  return { path, end: file.findLastIndex((byte) => byte !== 0) + 1 }
}

async function truncated(world: World): Promise<World> {
  const next = await left(world)
  const { path, end } = endOf(next)
  const handle = next.env.call({ do: 'open', path, access: 'write' })
  next.env.call({ do: 'truncate', handle, size: end - 300 })
  next.env.call({ do: 'sync', handle })
  next.env.call({ do: 'close', handle })
  return next
}

async function zeroed(world: World): Promise<World> {
  const next = await left(world)
  const { path, end } = endOf(next)
  overwrite(next.env, path, end - 300, Buffer.alloc(300))
  return next
}

async function zeroTailed(world: World): Promise<World> {
  const next = await left(world)
  const { path } = endOf(next)
  overwrite(next.env, path, readFile(next.env, path).length, Buffer.alloc(5000))
  return next
}

/** The outcome as a text. */
const DO: Readonly<Record<Column, (world: World, store: Store<Bytes>) => Promise<string>>> = {
  openRun: (world, store) => world.wait(store.openRun('desk', 'r-1')),
  startRun: async (world, store) => {
    const { run } = await world.wait(store.startRun('desk', 'r-2'))
    return run!.parent === 'r-1' ? 'starts, after it' : 'starts'
  },
  openSealed: async (world, store) => {
    const log = await world.wait(store.openSealed('desk', 'r-1'))
    return [...log.read()].length === RECORDS ? 'reads all' : 'reads some'
  },
  list: async (world, store) =>
    (await world.wait(store.list())).map(({ status, error }) => status ?? error!.code).join() || 'nothing',
  recover: async (world, store) => {
    const swept = await world.wait(store.recover())
    for (const { outcome, status } of swept) {
      if (outcome === 'quarantined') expect(status).toBe('quarantined')
      if (outcome === 'recovered') expect(status).toBe('crashed-recovered')
    }
    return swept.map(({ outcome, error }) => (outcome === 'failed' ? error!.code : outcome)).join() || 'nothing'
  },
}

/** By the name that `docs/runs.md` has for it. */
const STATES: Readonly<Record<string, State>> = {
  'is not there': absent,
  'is running, its writer dead': left,
  'is running, its writer alive': alive,
  ended: sealed('ended'),
  'is crashed-recovered': sealed('crashed-recovered'),
  'is quarantined': sealed('quarantined'),
  'has zeros behind its end, as segments do': zeroTailed,
  'lost acknowledged records: its file is cut short': truncated,
  'lost acknowledged records: they are zeros': zeroed,
  'lost its manifests while it was running': withoutManifest,
  'lost its manifests after it was sealed': sealedWithoutManifest,
  'is of a newer version of seglog': newer,
}

/** For each state what each call comes to: the code of its error, or what it did. */
const ROWS = rowsOf(textFile('docs/runs.md').text, 'What each call says of a run')

test('the page has a row for each state', () => {
  expect(ROWS.map((row) => row['a run that …'])).toEqual(Object.keys(STATES))
})

everywhere((world) => {
  describe.each(ROWS.map((row) => [row['a run that …']!, row] as const))(
    'D1 D2 D3 D5 D6 a run that %s',
    (name, row) => {
      test.each(COLUMNS.map((column) => [column, row[`\`${column}\``]!] as const))(
        '%s: %s',
        async (column, outcome) => {
          const state = STATES[name]!
          const place = await state(world())
          // Looking changes nothing, and who does not understand a run does not touch it. A writer that is alive changes files.
          const isLook = (column === 'list' || column === 'openSealed') && state !== alive
          const isLeftAlone = isLook || state === newer
          const before = isLeftAlone ? filesOf(place) : undefined
          expect(await outcomeOf(DO[column](place, storeOf(place)))).toBe(outcome)
          if (isLeftAlone) expect(filesOf(place)).toEqual(before)
          await letGo?.()
          letGo = undefined
          // What was recovered is all that was acknowledged.
          if (outcome !== 'recovered') return
          expect(await outcomeOf(DO.openSealed(place, storeOf(place)))).toBe('reads all')
          expect(await outcomeOf(DO.list(place, storeOf(place)))).toBe('crashed-recovered')
        },
      )
    },
  )
})

async function outcomeOf(work: Promise<string>): Promise<string> {
  try {
    return await work
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

/** Names and contents of the run's files, told shortly; none where it is absent. */
function filesOf(world: World): string[] {
  const directory = `${world.directory}/${RUN}`
  if (world.env.call({ do: 'stat', path: directory }) === undefined) return []
  const files = [...snapshot({ ...world, directory })]
  return files.map(([name, hex]) => `${name} ${hex.length} ${crc32(Buffer.from(hex))}`).sort()
}
