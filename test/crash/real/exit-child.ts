import { type Environment, type Log, nodeEnvironment, openLog } from '../../../lib/index.ts'
import type { Call, Done, ResultOf } from '../../../segments/env/environment.ts'
import { systemError } from '../../../segments/env/system-error.ts'
import { say, settingsOf } from './children.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'

/** A program that does not care how it ends. */
export interface ExitSettings {
  readonly directory: string
  readonly program:
    'open' | 'open and close' | 'append' | 'append and exit' | 'append to a failing disk' | 'ask a failing disk'
  readonly records: number
}

const { directory, program, records } = settingsOf<ExitSettings>()

/** The real world, but once the log is open no write that is started gets to the disk. */
function failingDisk(): Environment {
  const real = nodeEnvironment()
  const start = <C extends Call>(call: C, done: Done<ResultOf<C>>): void => {
    if (call.do !== 'write' || !opened) return real.start(call, done)
    setImmediate(() => done(systemError('EIO', 'write'), undefined as never))
  }
  return new Proxy(real, {
    get(target, name) {
      if (name === 'start') return start
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

let opened = false

function append(log: Log<Sample>): void {
  for (let left = records; left > 0; left--) log.append(sample(ANY_SEED, 1, log.lastSequence + 1))
  say('appended', log.lastSequence)
}

async function run(): Promise<void> {
  const environment = program.endsWith('failing disk') ? failingDisk() : nodeEnvironment()
  const log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES, environment })
  opened = true
  if (program === 'open and close') return log.close()
  if (program !== 'open') append(log)
  if (program === 'append and exit') process.exit(0)
  if (program.endsWith('failing disk')) await outlive(log)
}

/** Waits for nothing that it asks. */
async function outlive(log: Log<Sample>): Promise<void> {
  if (program === 'ask a failing disk') ask(log)
  await new Promise((resolve) => setTimeout(resolve, 200))
  say('durable', log.highWatermark)
  if (program === 'ask a failing disk') ask(log)
  await new Promise((resolve) => setTimeout(resolve, 50))
  say('alive')
}

function ask(log: Log<Sample>): void {
  void log.durable(1)
  void log.sync()
  void log.ready()
  void log.commit(sample(ANY_SEED, 1, log.lastSequence + 1))
}

await run()
