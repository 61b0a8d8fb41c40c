import { archive } from './archive.ts'
import { cat } from './cat.ts'
import type { Command } from './command.ts'
import { copy } from './copy.ts'
import { importLines } from './import.ts'
import { info } from './info.ts'
import { lock } from './lock.ts'
import { rebuild } from './rebuild.ts'
import { restore } from './restore.ts'
import { runs } from './runs.ts'
import { salvage } from './salvage.ts'
import { tail } from './tail.ts'
import { verify } from './verify.ts'

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  info,
  cat,
  tail,
  verify,
  salvage,
  copy,
  importLines,
  archive,
  restore,
  rebuild,
  runs,
  lock,
]
