import type { SystemError } from '../../../segments/env/environment.ts'
import {
  type CrashOptions,
  simulate,
  SimulatedDeath,
  type SimulatedEnvironment,
  type SimulationOptions,
} from '../../../segments/env/simulated.ts'
import { Files } from './worlds.ts'

/** A machine with an empty, durable directory /log. */
export function machine(seed = 1, options: SimulationOptions = {}): { sim: SimulatedEnvironment; files: Files } {
  const sim = simulate(seed, options)
  sim.files.makeDirectory('/log')
  return { sim, files: new Files(sim, '/log') }
}

export const SEEDS = Array.from({ length: 600 }, (_, i) => i)

/** What is found after a crash, over many seeds, each once. */
export function outcomes(
  sim: SimulatedEnvironment,
  look: (files: Files) => unknown,
  options?: CrashOptions,
): Set<unknown> {
  return new Set(SEEDS.map((seed) => look(new Files(sim.crash(seed, options), '/log'))))
}

export const content = (files: Files): string | undefined => files.content('a')

export function code(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return error instanceof SimulatedDeath ? 'dead' : (error as SystemError).code
  }
}
