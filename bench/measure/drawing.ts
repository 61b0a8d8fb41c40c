import type { Step } from './statistics.ts'

const WIDTH = 50

/** How many times lie in each step, as bars of characters; lengths by the logarithm, so that single ones are seen. */
export function bars(steps: readonly Step[], unit: string): string {
  const most = Math.max(...steps.map(({ count }) => count))
  const total = steps.reduce((sum, { count }) => sum + count, 0)
  return steps
    .map(({ from, to, count }) => {
      const length = count === 0 ? 0 : Math.max(1, Math.round((WIDTH * Math.log(count + 1)) / Math.log(most + 1)))
      const share = ((100 * count) / total).toFixed(3)
      return `${`${from} – ${to} ${unit}`.padStart(20)} ${'█'.repeat(length).padEnd(WIDTH)} ${String(count).padStart(9)} ${share.padStart(8)} %`
    })
    .join('\n')
}
