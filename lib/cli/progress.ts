import type { Progress } from '../../recovery/verify-progress.ts'
import { durationText, sizeText } from './text.ts'
import type { World } from './world.ts'

/** Ends a line that was written over. */
const CLEAR = '\r\u001b[K'

/**
 * One line on the terminal that is written over: how much is done, how fast, and how long it will take. Nothing is shown
 * where the errors go to a file or a pipe: it would be full of such lines.
 */
export class ProgressLine {
  private readonly world: World
  private readonly doing: string
  private isShown = false

  constructor(world: World, doing: string) {
    this.world = world
    this.doing = doing
  }

  readonly show = (progress: Progress): void => this.tell(progressText(progress))

  readonly tell = (text: string): void => {
    const { stderr } = this.world
    if (!stderr.isTerminal) return
    this.isShown = true
    void stderr.write(`${CLEAR}${`${this.doing}: ${text}`.slice(0, stderr.columns - 1)}`)
  }

  async clear(): Promise<void> {
    if (this.isShown) await this.world.stderr.write(CLEAR)
    this.isShown = false
  }
}

/** `40 % of 1.0 GiB, 512.0 MiB/s, 2 s left` */
function progressText({ bytesDone, bytesTotal, bytesPerSecond, secondsLeft }: Progress): string {
  const share = bytesTotal > 0 ? Math.floor((100 * bytesDone) / bytesTotal) : 100
  const left = secondsLeft === undefined ? '' : `, ${durationText(secondsLeft)} left`
  return `${share} % of ${sizeText(bytesTotal)}, ${sizeText(Math.round(bytesPerSecond))}/s${left}`
}
