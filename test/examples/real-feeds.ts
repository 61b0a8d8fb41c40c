import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Recorded feeds lie beside the checkout and are no part of it; see `shared/data/README.md`. */
const folder = new URL('../../../shared/data/', import.meta.url)

export const realFeeds = [
  { name: 'Binance futures feed', ...locate('binance-usdm-btcusdt-2024/btcusdt_20240808.gz'), messages: 93_954 },
  {
    name: 'Independent Reserve feed',
    ...locate('exchange-ws-captures/INDEPENDENT_RESERVE.ws.1.0'),
    // 1,663 order events, a heartbeat and the answer to the subscription; the two lines of the connection are skipped.
    messages: 1_665,
  },
]

/** Says so when a feed is absent: a test that quietly did nothing would look like one that passed. */
function locate(file: string): { path: string; absent: boolean } {
  const path = fileURLToPath(new URL(file, folder))
  const absent = !existsSync(path)
  if (absent) console.log(`recorded data is absent, its tests are skipped: shared/data/${file}`)
  return { path, absent }
}
