import { expect, test } from 'vitest'

import { ArgumentError, parseArguments, usage } from '../../docs/examples/arguments.ts'
import { recoveryLines } from '../../docs/examples/terminal.ts'

test('without arguments the defaults count', () => {
  expect(parseArguments([])).toEqual({
    input: undefined,
    messages: undefined,
    kills: 5,
    seed: 1,
    directory: undefined,
  })
})

test('every option is taken', () => {
  const given = '--input f.gz --messages 10 --kills 0 --seed 42 --directory d'
  expect(parseArguments(given.split(' '))).toEqual({ input: 'f.gz', messages: 10, kills: 0, seed: 42, directory: 'd' })
})

test('help is asked for by name and names every option', () => {
  expect(parseArguments(['--kills', '2', '--help'])).toBe('help')
  for (const option of ['input', 'messages', 'kills', 'seed', 'directory']) expect(usage).toContain(`--${option} `)
})

test.each([
  [['--kills', 'many'], /--kills must be an integer from 0 to 1000, not "many"/],
  [['--kills', '1001'], /--kills must be/],
  [['--kills=-1'], /--kills must be/],
  [['--messages', '0'], /--messages must be/],
  [['--seed', '1.5'], /--seed must be/],
  [['--seed', '4294967296'], /--seed must be/],
  [['--input', ''], /--input must not be empty/],
  [['--input'], /--input/],
  [['--unknown'], /--unknown/],
  [['feed.gz'], /feed\.gz/],
])('%j is refused, and said why', (given, message) => {
  expect(() => parseArguments(given)).toThrow(ArgumentError)
  expect(() => parseArguments(given)).toThrow(message)
})

test('a recovery report is a line of what it found, and a line for each note', () => {
  const report = { end: 'torn', lastSequence: 12345, bytesCut: 0, foreignFiles: ['a', 'b'], nested: {}, notes: ['n'] }
  expect(recoveryLines(report)).toEqual(['end torn, last sequence 12,345, foreign files 2', 'n'])
})

test('a recovery report with many notes is kept short', () => {
  const lines = recoveryLines({ end: 'torn', notes: Array.from({ length: 9 }, (_, index) => `note ${index}`) })
  expect(lines).toHaveLength(7)
  expect(lines.at(-1)).toBe('and 4 more notes')
})
