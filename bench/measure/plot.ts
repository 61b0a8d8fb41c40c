import { figure } from './tables.ts'

/** Plots as SVG: lines over two axes, both by the logarithm. Nothing but text goes in, nothing but text comes out. */

interface Panel {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
}

interface Axis {
  readonly title: string
  /** Where a mark stands and what it says; powers of ten when there are none. */
  readonly ticks?: readonly (readonly [number, string])[]
}

interface Line {
  readonly name: string
  readonly points: readonly (readonly [number, number])[]
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 360, 76, 24, 52, 48]
const COLORS = ['#0b6e99', '#c4661f', '#4a7c3a', '#8b3a8b', '#777777', '#b8860b']

/** Panels one below the other. */
export function plot(title: string, panels: readonly Panel[]): string {
  const height = panels.length * HEIGHT
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...panels.flatMap((panel, index) => [`<g transform="translate(0 ${index * HEIGHT})">`, ...drawn(panel), '</g>']),
    '</svg>',
    '',
  ].join('\n')
}

function drawn({ title, x, y, lines }: Panel): string[] {
  const all = lines.flatMap(({ points }) => points)
  const across = scale(
    all.map(([at]) => at),
    LEFT,
    WIDTH - RIGHT,
  )
  const up = scale(
    all.map(([, at]) => at),
    HEIGHT - BOTTOM,
    TOP,
  )
  const xTicks = (x.ticks ?? powers(across)).map(
    ([at, text]) =>
      `<line x1="${across.at(at)}" x2="${across.at(at)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#dddddd"/>` +
      `<text x="${across.at(at)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${escaped(text)}</text>`,
  )
  const yTicks = (y.ticks ?? powers(up)).map(
    ([at, text]) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${up.at(at)}" y2="${up.at(at)}" stroke="#dddddd"/>` +
      `<text x="${LEFT - 6}" y="${up.at(at) + 4}" text-anchor="end">${escaped(text)}</text>`,
  )
  const curves = lines.flatMap(({ name, points }, index) => {
    const color = COLORS[index % COLORS.length]!
    const path = points.map(([a, b]) => `${across.at(a)},${up.at(b)}`).join(' ')
    return [
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map(([a, b]) => `<circle cx="${across.at(a)}" cy="${up.at(b)}" r="2.5" fill="${color}"/>`),
      `<text x="${LEFT + 8}" y="${TOP + 14 + index * 15}" fill="${color}">${escaped(name)}</text>`,
    ]
  })
  return [
    `<text x="${LEFT}" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    `<text x="${LEFT}" y="${TOP - 8}" fill="#555555">${escaped(y.title)}</text>`,
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 12}" text-anchor="end" fill="#555555">${escaped(x.title)}</text>`,
    ...xTicks,
    ...yTicks,
    ...curves,
  ]
}

interface Scale {
  readonly from: number
  readonly to: number
  /** Where a value stands, in pixels. */
  readonly at: (value: number) => number
}

/** From the power of ten at or below the smallest to the one at or above the largest; what is not above 0 stands lowest. */
function scale(values: readonly number[], start: number, end: number): Scale {
  const positive = values.filter((value) => value > 0)
  const from = Math.floor(Math.log10(Math.min(...positive)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...positive))))
  const at = (value: number): number => {
    const share = value <= 0 ? 0 : (Math.log10(value) - from) / (to - from)
    return Math.round(10 * (start + share * (end - start))) / 10
  }
  return { from, to, at }
}

function powers({ from, to }: Scale): [number, string][] {
  return Array.from({ length: to - from + 1 }, (_, n) => [10 ** (from + n), figure(10 ** (from + n))])
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
