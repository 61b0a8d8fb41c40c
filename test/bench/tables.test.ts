import { describe, expect, it } from 'vitest'
import { type Contest, type Contestant, Unsound, compete, cpuUsOfEach, resultOf } from '../../bench/measure/contest.ts'
import { bars } from '../../bench/measure/drawing.ts'
import { plot } from '../../bench/measure/plot.ts'
import { figure, printed, summary } from '../../bench/measure/tables.ts'
import { between } from '../../bench/save.ts'

/** Contestants whose figures of each round are known beforehand. */
function contest(...contestants: Contest['contestants']): Contest {
  return { target: 'P0', title: 'a contest', unit: 'things a second', rounds: 3, contestants }
}

function playing(name: string, figures: readonly number[], goals: Partial<Contestant> = {}): Contestant {
  return { name, role: 'peer', run: (round) => figures[round]!, ...goals }
}

describe('a contest', () => {
  it('runs in turn, and the first round does not count', async () => {
    const order: string[] = []
    const noted = (name: string, figures: readonly number[]): Contestant => ({
      ...playing(name, figures),
      run: (round) => {
        order.push(`${name}${round}`)
        return figures[round]!
      },
    })
    const { rows } = await compete(contest(noted('a', [1, 20, 30, 40]), noted('b', [9999, 10, 30, 10])))
    expect(order.join(' ')).toBe('a0 b0 a1 b1 a2 b2 a3 b3')
    expect(rows.map(({ figures }) => figures)).toEqual([
      [20, 30, 40],
      [10, 30, 10],
    ])
    expect(rows[1]!.ratio).toEqual({ median: 2, lowest: 1, highest: 4 })
    expect(rows[0]!.ratio).toBeUndefined()
  })

  it('the ratio is the first row divided by each other, and its rounds are held against the target', () => {
    const both = contest(
      playing('ours', []),
      playing('just', [], { goal: { atLeast: 2 } }),
      playing('too fast', [], { goal: { atLeast: 2 } }),
      playing('a time', [], { goal: { atMost: 2 }, ownGoal: { atMost: 9 } }),
    )
    const { rows } = resultOf(both, [
      [10, 20, 30],
      [5, 10, 1],
      [6, 12, 1],
      [5, 10, 15],
    ])
    expect(rows.map(({ verdict }) => verdict)).toEqual([undefined, 'met', 'undecided', 'undecided'])
  })

  it('processor time is told for each thing, however things are counted', () => {
    // 500 things a second for 4 seconds are 2,000; they took 3 seconds of processors.
    expect(cpuUsOfEach(500, { wall: 4, cpu: 3 })).toBe(1500)
    const both = contest(playing('a', []), playing('b', []))
    const { rows } = resultOf(both, [[1], [1]], [[30, 10, 20], []])
    expect(rows.map(({ cpuUs }) => cpuUs)).toEqual([20, undefined])
  })

  it('a peer that gives back something else gets no figure, and the others go on', async () => {
    const lying: Contestant = {
      ...playing('liar', []),
      run: () => {
        throw new Unsound('gave back 2 of 3')
      },
    }
    const { rows } = await compete(contest(playing('ours', [1, 1, 1, 1]), lying, playing('honest', [2, 2, 2, 2])))
    expect(rows.map(({ name, spread, absent }) => [name, spread?.median, absent])).toEqual([
      ['ours', 1, undefined],
      ['liar', undefined, 'gave back 2 of 3'],
      ['honest', 2, undefined],
    ])
  })

  it('ours may not give back something else', async () => {
    const lying: Contestant = {
      name: 'ours',
      role: 'ours',
      run: () => {
        throw new Unsound('gave back 2 of 3')
      },
    }
    await expect(compete(contest(lying))).rejects.toThrow('gave back 2 of 3')
  })
})

describe('tables', () => {
  const result = resultOf(
    contest(
      { ...playing('ours', []), role: 'ours' },
      playing('theirs', [], { goal: { atLeast: 1.5 } }),
      { name: 'gone', role: 'peer', absent: 'not installed: no such package' },
      { ...playing('the most', []), role: 'limit' },
    ),
    [[100, 300, 200], [100, 150, 100], [], [2000, 2000, 2000]],
  )

  it('have median, spread, ratio and verdict, and the reason of who is absent', () => {
    const [head, , ...rows] = printed(result)
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) =>
        line
          .slice(2, -2)
          .split('|')
          .map((cell) => cell.trim()),
      )
    expect([head, ...rows]).toEqual([
      ['', 'figure', 'spread', 'first row / this', 'target'],
      ['ours', '200', '100 – 300', '', ''],
      ['theirs', '100', '100 – 150', '2.00 (1.00 – 2.00)', '≥ 1.50, *undecided*'],
      ['gone', 'not installed: no such package', '', '', ''],
      ['*the most*', '2,000', '2,000 – 2,000', '0.10 (0.05 – 0.15)', ''],
    ])
  })

  it('have processor time where the first row has it', () => {
    const timed = resultOf(contest(playing('a', []), playing('b', [])), [[1], [1]], [[12], []])
    const rows = printed(timed)
      .split('\n')
      .filter((line) => line.startsWith('|'))
    expect(rows[0]).toContain('| CPU µs each | target |')
    expect(rows[2]).toMatch(/\| +12.0 \| +\|$/)
    expect(printed(result)).not.toContain('CPU')
  })

  it('the summary has the rows with a target and no others', () => {
    const rows = summary([result]).split('\n').slice(2)
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatch(/P0 .*\/ theirs .*≥ 1.50 .*2.00 \(1.00 – 2.00\) .*\*undecided\*/)
  })

  it.each([
    [0, '0'],
    [0.0123, '0.01'],
    [0.00123, '0.0012'],
    [1.256, '1.26'],
    [12.34, '12.3'],
    [123.4, '123'],
    [1_234_567.8, '1,234,568'],
  ])('%d is shown as %s', (value, shown) => {
    expect(figure(value)).toBe(shown)
  })

  it('figures go between their marks and leave all else alone', () => {
    const page = 'a\n<!-- P1 -->\nold\n<!-- /P1 -->\nb\n<!-- P10 -->\nx\n<!-- /P10 -->\n'
    expect(between(page, 'P1', 'new')).toBe(
      'a\n<!-- P1 -->\n\nnew\n\n<!-- /P1 -->\nb\n<!-- P10 -->\nx\n<!-- /P10 -->\n',
    )
    expect(() => between(page, 'P2', 'new')).toThrow('no marks for P2')
  })
})

describe('drawings', () => {
  it('bars have a line for each step, with the longest for the most', () => {
    const lines = bars(
      [
        { from: 1, to: 2, count: 1 },
        { from: 2, to: 4, count: 0 },
        { from: 4, to: 8, count: 999 },
      ],
      'µs',
    ).split('\n')
    const lengths = lines.map((line) => line.split('█').length - 1)
    expect(lengths[1]).toBe(0)
    expect(lengths[0]).toBeGreaterThan(0)
    expect(lengths[2]).toBe(50)
    expect(lines[2]).toMatch(/4 – 8 µs .* 999 +99.900 %$/)
  })

  it('a plot puts ten times as much at an equal distance, and escapes what it is given', () => {
    const svg = plot('a < b', [
      {
        title: 't',
        x: { title: 'x' },
        y: { title: 'y' },
        lines: [
          {
            name: '<&>',
            points: [
              [1, 10],
              [10, 100],
              [100, 1000],
            ],
          },
        ],
      },
    ])
    const points = /points="([^"]+)"/
      .exec(svg)![1]!
      .split(' ')
      .map((pair) => pair.split(',').map(Number))
    expect(points[1]![0]! - points[0]![0]!).toBeCloseTo(points[2]![0]! - points[1]![0]!, 0)
    expect(points[0]![1]!).toBeGreaterThan(points[2]![1]!)
    expect(points[1]![1]! - points[0]![1]!).toBeCloseTo(points[2]![1]! - points[1]![1]!, 0)
    expect(svg).toContain('&lt;&amp;&gt;')
    expect(svg).not.toContain('a < b')
  })
})
