import { expectTypeOf, test } from 'vitest'
import {
  type Codec,
  type Entry,
  type ErrorCode,
  type Log,
  type Receipt,
  type Records,
  SeglogError,
  bytes,
  cbor,
  json,
  openLog,
} from '../../lib/index.ts'

interface Order {
  readonly id: string
  readonly price: number
}

test('E4 a log has the type of its values', () => {
  expectTypeOf(openLog<Order>).returns.resolves.toEqualTypeOf<Log<Order>>()
  expectTypeOf<Log<Order>['append']>().parameter(0).toEqualTypeOf<Order>()
  expectTypeOf<Log<Order>['commitBatch']>().parameter(0).toEqualTypeOf<readonly Order[]>()
  expectTypeOf<Log<Order>['get']>().returns.toEqualTypeOf<Entry<Order> | undefined>()
  expectTypeOf<Log<Order>['read']>().returns.toEqualTypeOf<Records<Order>>()
  expectTypeOf((log: Log<Order>, order: Order) => log.commit(order)).returns.resolves.toBeNumber()
  expectTypeOf((log: Log<Order>, order: Order) =>
    log.commit(order, { once: 'id' }),
  ).returns.resolves.toEqualTypeOf<Receipt>()
  expectTypeOf<Entry<Order>['value']>().toEqualTypeOf<Order>()
  expectTypeOf<Entry<Order>['timestampNs']>().toBeBigInt()
})

test('E4 a codec gives the log its type, and one of another type is refused', () => {
  expectTypeOf(bytes()).toEqualTypeOf<Codec<Uint8Array>>()
  expectTypeOf(cbor<Order>()).toExtend<Codec<Order>>()
  expectTypeOf(json<Order>()).toEqualTypeOf<Codec<Order>>()
  const open = (codec: Codec<Uint8Array>) => openLog('/nowhere', { codec })
  expectTypeOf(open).returns.resolves.toEqualTypeOf<Log<Uint8Array>>()
  // @ts-expect-error a codec of bytes is no codec of orders
  expectTypeOf(openLog<Order>).toBeCallableWith('/nowhere', { codec: bytes() })
  // @ts-expect-error there is no such option
  expectTypeOf(openLog).toBeCallableWith('/nowhere', { segmentByte: 1 })
})

test('E4 the codes of errors are a union that a switch can exhaust', () => {
  expectTypeOf<SeglogError['code']>().toEqualTypeOf<ErrorCode>()
  expectTypeOf<'DISK_FULL'>().toExtend<ErrorCode>()
  expectTypeOf<string>().not.toExtend<ErrorCode>()
  expectTypeOf<Exclude<ErrorCode, 'GAP'>>().not.toEqualTypeOf<ErrorCode>()
  expectTypeOf(new SeglogError('GAP', 'a hole').sequence).toEqualTypeOf<number | undefined>()
})
