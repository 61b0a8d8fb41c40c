import { childAnswer } from './measure/children.ts'
import { type Result, resultOf } from './measure/contest.ts'
import { plot } from './measure/plot.ts'
import { inDirectory } from './measure/disk.ts'
import type { Grown } from './measure/growth-child.ts'
import { figure } from './measure/tables.ts'
import { growthRecords } from './options.ts'

/** How a log behaves as it gets longer: each length in a process of its own, from 10^5 records (10^4 when quick) on. */
export async function measure(): Promise<Result[]> {
  const counts: number[] = []
  for (let count = Math.min(100_000, growthRecords / 10); count <= growthRecords; count *= 10) counts.push(count)
  const grown: Grown[] = []
  for (const count of counts) grown.push(await inDirectory((directory) => grow(directory, count)))
  const figures = columns.map(({ of }) => grown.map(of))
  const result = resultOf(
    {
      target: 'growth',
      title: `of a log, ${counts.map((count) => figure(count)).join(', ')} small records`,
      unit: 'the longest against the shortest: 1 is flat; one run each',
      rounds: 1,
      contestants: columns.map(({ name, unit }) => ({ name: `${name}, ${unit}`, role: 'ours' as const, run: () => 0 })),
    },
    figures.map((found) => [found.at(-1)! / found[0]!]),
  )
  return [
    {
      ...result,
      rows: result.rows.map((row) => ({ ...row, ratio: undefined })),
      tables: [
        {
          head: ['records', ...columns.map(({ name, unit }) => `${name}, ${unit}`)],
          rows: counts.map((count, n) => [figure(count), ...figures.map((found) => figure(found[n]!))]),
        },
      ],
      plots: {
        'growth.svg': plot(
          'Growth of a log',
          columns.map(({ name, unit }, index) => ({
            title: name,
            x: { title: 'records' },
            y: { title: unit },
            lines: [{ name: 'seglog', points: counts.map((count, n) => [count, figures[index]![n]!]) }],
          })),
        ),
      },
    },
  ]
}

const columns: readonly { name: string; unit: string; of: (grown: Grown) => number }[] = [
  { name: 'append, all durable', unit: 'records a second', of: ({ appendRate }) => appendRate },
  { name: 'open', unit: 'milliseconds', of: ({ openMs }) => openMs },
  { name: 'get at random', unit: 'microseconds', of: ({ getUs }) => getUs },
  { name: 'memory after that', unit: 'MiB resident', of: ({ residentMiB }) => residentMiB },
]

function grow(directory: string, count: number): Grown {
  const run = (part: 'append' | 'read'): object =>
    childAnswer('growth-child.ts', part, directory, String(count)) as object
  return { ...run('append'), ...run('read') } as Grown
}
