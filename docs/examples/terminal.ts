/** The lines a person sees; progress only where it can be overwritten. */
export interface Terminal {
  line(label: string, text: string): void
  /** Shows how things stand now; dropped when the output is no terminal, or when shown a moment ago. */
  progress(text: string): void
}

const labelChars = 10
const progressIntervalMs = 100

export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  let shownAtMs = 0
  const clear = stream.isTTY ? '\r\x1b[K' : ''
  return {
    line(label, text) {
      stream.write(`${clear}${label.padEnd(labelChars)}${text}\n`)
    },
    progress(text) {
      const now = Date.now()
      if (!stream.isTTY || now - shownAtMs < progressIntervalMs) return
      shownAtMs = now
      stream.write(`${clear}${text}`)
    },
  }
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

export function rate(messages: number, seconds: number): string {
  return seconds > 0 ? `${count(messages / seconds)}/s` : '-'
}

const notesMax = 5

/**
 * A recovery report in a line, and its notes in one each. It prints whatever simple facts the report holds rather than
 * a fixed list, so that it stays true when the report learns new ones.
 */
export function recoveryLines(report: object): string[] {
  const facts: string[] = []
  for (const [name, value] of Object.entries(report) as [string, unknown][]) {
    const fact = name === 'notes' ? undefined : factText(value)
    if (fact !== undefined) facts.push(`${words(name)} ${fact}`)
  }
  const notes = 'notes' in report && Array.isArray(report.notes) ? report.notes.map(String) : []
  const more = notes.length > notesMax ? [`and ${notes.length - notesMax} more notes`] : []
  return [facts.join(', '), ...notes.slice(0, notesMax), ...more]
}

/** Zeros, noes and empty lists are left out: a report names what it found. */
function factText(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : String(value.length)
  if (typeof value === 'string') return value === '' ? undefined : value
  if (typeof value === 'number') return value === 0 ? undefined : count(value)
  if (typeof value === 'bigint') return String(value)
  return value === true ? 'yes' : undefined
}

function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
