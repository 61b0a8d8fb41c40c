import { isWithoutLog } from '../../recovery/archive-review.ts'
import type { ChainReport } from '../../recovery/verify-chain.ts'
import type { VerifyReport } from '../../recovery/verify.ts'
import { SeglogError } from '../../segments/errors.ts'
import { FINDINGS_MAX, type VerifyOptions, verifyLog, verifySegments } from '../operations.ts'
import { type Command, EXIT, type Options, type Request, UsageError } from './command.ts'
import { ARCHIVED, openForReading } from './entries.ts'
import { printFindings, rangesText } from './findings.ts'
import { countText, headText, parseHead, quoted, sizeText } from './text.ts'

export const verify: Command = {
  name: 'verify',
  summary: 'read all of a log and tell everything that is not as it should be',
  operands: ['directory'],
  options: {
    findings: { value: 'count', help: `most findings to list; ${FINDINGS_MAX} unless told` },
    from: {
      value: 'place',
      help: 'first (unless told), or checkpoint: only what follows the newest one of the hash chain',
    },
    archived: ARCHIVED,
    expect: { value: 'head', help: 'what seglog info showed as head once: shows a log that was cut or written anew' },
  },
  notes: [
    'Changes nothing, and runs beside the process that writes.',
    'Ends with 1 where anything is damaged. Files that are none of seglog are told and do no harm.',
  ],
  examples: [
    ['seglog verify ./orders', 'each damaged record with its place'],
    ['seglog verify ./orders --json > findings.ndjson', 'the same for a program'],
    ['seglog verify ./cold --archived', 'what was archived to ./cold'],
    ['seglog verify ./orders --expect "$(cat orders.head)"', 'that it goes on from a head that was kept elsewhere'],
  ],
  async run(request) {
    const { operands, options, world, out, watch } = request
    const directory = world.env.absolute(operands[0]!)
    const findingsMax = options.whole('findings', 1) ?? FINDINGS_MAX
    const report = await verified(request, directory, { ...watch, ...chainOf(options), findingsMax })
    const {
      findings,
      findingsCount,
      isSound,
      lost,
      records,
      lastSequence,
      unproven,
      segments,
      bytes,
      durationMs,
      chain,
    } = report
    printFindings(out, directory, findings, findingsCount)
    const { findings: _, ...figures } = report
    out.object({ type: 'report', ...figures })
    const checked = `${countText(records, 'record')}, ${countText(segments, 'segment')}, ${sizeText(bytes)} in ${(durationMs / 1000).toFixed(1)} s`
    out.line(`${isSound ? out.styled('sound', 'green') : out.styled('damaged', 'red')}: ${checked}`)
    if (chain !== undefined) out.line(chainText(chain))
    if (lost.length > 0) out.line(`given up by name before: ${rangesText(lost)}`)
    if (unproven > 0) {
      const since = lastSequence - unproven + 1
      out.line(
        `from record ${since} on nothing proves that they were acknowledged; the next opening for writing keeps them`,
      )
    }
    if (options.has('archived')) {
      out.line('whether a segment that is the last here, or the last before a gap, is whole, only its log can tell')
    } else if (!isSound) {
      out.line(`next: seglog salvage ${quoted(operands[0]!)} <new directory>`)
      const isBare = isWithoutLog(world.env.call({ do: 'list', path: directory }))
      if (isBare) out.line(`or, if these are archived segments: seglog verify ${quoted(operands[0]!)} --archived`)
    }
    return isSound ? EXIT.sound : EXIT.damaged
  },
}

/** Tables of keys are compared with values, so by who can decode them; a log that cannot be opened is verified without. */
async function verified(request: Request, directory: string, options: VerifyOptions): Promise<VerifyReport> {
  const { env } = request.world
  if (request.options.has('archived')) return verifySegments(directory, { ...options, environment: env })
  const opened = await openForReading(request).catch((error: unknown) => {
    if (!(error instanceof SeglogError) || error.code === 'IO') throw error
  })
  if (opened === undefined) return verifyLog(directory, { ...options, environment: request.world.env })
  const { log, values } = opened
  try {
    return await (values.isKnown
      ? log.verify(options)
      : verifyLog(directory, { ...options, environment: request.world.env }))
  } finally {
    await log.close()
  }
}

function chainOf(options: Options): Pick<VerifyOptions, 'from' | 'expect'> {
  const from = options.text('from') ?? 'first'
  if (from !== 'first' && from !== 'checkpoint') {
    throw new UsageError(`--from takes first or checkpoint, not ${JSON.stringify(from)}`)
  }
  const word = options.text('expect')
  if (word === undefined) return { from }
  const expect = parseHead(word.trim())
  if (expect !== undefined) return { from, expect }
  throw new UsageError(`--expect takes a head as seglog info shows it, like 17:9f86…, not ${JSON.stringify(word)}`)
}

function chainText({ attested, head }: ChainReport): string {
  const records = attested.length === 0 ? 'nothing' : `records ${rangesText(attested)}`
  return `chain: attests ${records}${head === undefined ? '' : `; head ${headText(head)}`}`
}
