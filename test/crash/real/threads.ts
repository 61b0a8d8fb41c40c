import path from 'node:path'
import { Worker } from 'node:worker_threads'

/** A thread does not take over the loader of its process, and tsx has only this one for threads. */
const START = `const { program } = require('node:worker_threads').workerData
const load = require('node:module').createRequire(program)
load('tsx/cjs/api').register()
load(program)`

/** Runs one of the programs of this directory in a thread of this process. */
export function startThread(program: string, data: object): Worker {
  return new Worker(START, { eval: true, workerData: { ...data, program: path.join(import.meta.dirname, program) } })
}
