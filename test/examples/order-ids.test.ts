import { expect, test } from 'vitest'
import { loadFeed } from '../../docs/examples/feed.ts'
import type { Message, ReserveOrder } from '../../docs/examples/messages.ts'
import { openLogWith } from '../../lib/open.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { realFeeds } from './real-feeds.ts'

const feed = realFeeds[1]!
const KEYS = { orderId: ['body', 'Data', 'OrderGuid'] }

const isOrder = (message: Message): message is ReserveOrder => message.kind === 'order-event'

test.skipIf(feed.absent)(
  'B14 on the Independent Reserve feed each cancel finds its order, over rolls and after reopening',
  async () => {
    const { messages } = loadFeed({ input: feed.path, seed: 1, messages: undefined })
    const environment = memoryEnvironment({ seed: 1 })
    const open = () => openLogWith<Message>('/log', { environment, segmentBytes: 16_384, keys: KEYS }, 16_384)
    let log = await open()
    for (const message of messages) await log.commit(message)
    for (const round of ['written', 'reopened']) {
      const first = new Map<string, number>()
      const counts = { found: 0, before: 0 }
      for (const [index, message] of messages.entries()) {
        if (!isOrder(message)) continue
        const { Event: event, Data: data } = message.body
        const sequence = index + 1
        if (!first.has(data.OrderGuid)) first.set(data.OrderGuid, sequence)
        if (event !== 'OrderCanceled') continue
        const origin = log.lookup('orderId', data.OrderGuid)!
        expect(origin.sequence).toBe(first.get(data.OrderGuid))
        expect((origin.value as ReserveOrder).body.Data.OrderGuid).toBe(data.OrderGuid)
        // The capture began in the middle of a day: the order of some cancels is older.
        if (origin.sequence === sequence) counts.before += 1
        else {
          expect((origin.value as ReserveOrder).body.Event).toBe('NewOrder')
          counts.found += 1
        }
      }
      console.log(
        `${round}: ${counts.found} cancels found their order, of ${counts.before} it is older than the capture`,
      )
      expect(counts.found).toBeGreaterThan(100)
      await log.close()
      log = await open()
    }
    await log.close()
  },
)
