import { expect, test } from 'vitest'
import { json } from '../../lib/codecs/json.ts'
import { openReadOnly } from '../../lib/open.ts'
import {
  codeLater,
  codeOf,
  everywhere,
  expected,
  fill,
  numberOf,
  numbers,
  open,
  openToRead,
  record,
  snapshot,
} from './worlds.ts'

everywhere((world) => {
  test('B13 a reader beside a writer sees each record once it is durable, through rolls, in every way of reading', async () => {
    const log = await open(world())
    const reader = await openToRead(world())
    expect([reader.firstSequence, reader.highWatermark, numbers(reader.read())]).toEqual([1, 0, ''])
    for (let round = 0; round < 12; round++) {
      await fill(log, 17)
      const last = log.lastSequence
      expect(reader.highWatermark).toBe(last)
      expect(numbers(reader.read())).toBe(expected(1, last))
      expect(numbers(reader.read({ from: Math.max(1, last - 40), to: last - 3 }))).toBe(
        expected(Math.max(1, last - 40), last - 3),
      )
      for (const n of [last, 1, last - 1, last >> 1]) expect(numberOf(reader.get(n)!.value)).toBe(n)
      expect(reader.get(last + 1)).toBeUndefined()
      const found: string[] = []
      for await (const { sequence, value } of reader.read({ reverse: true })) {
        found.unshift(`${sequence}:${numberOf(value)}`)
      }
      expect(found.join(' ')).toBe(expected(1, last))
    }
    log.append(record(log.lastSequence + 1))
    expect(reader.highWatermark).toBe(log.lastSequence - 1)
    await log.sync()
    expect(numberOf(reader.get(log.lastSequence)!.value)).toBe(log.lastSequence)
    await world().wait(log.close())
    expect(numbers(reader.read())).toBe(expected(1, log.lastSequence))
    await reader.close()
  })

  test('B13 a reader beside a writer sees anchors and cursors once they are durable, and verifies', async () => {
    const log = await open(world())
    await fill(log, 60)
    const reader = await openToRead(world())
    expect([reader.anchors(), reader.cursors()]).toEqual([[], []])
    for (const sequence of [20, 40]) {
      await world().wait(log.anchor({ sequence, ref: `state-${sequence}`, hash: 'ab' }))
      await world().wait(log.cursor('second').save(sequence + 1))
      await world().wait(log.cursor('first').save(sequence + 2))
      expect(reader.anchors()).toEqual(log.anchors())
      expect(reader.cursors()).toEqual(log.cursors())
    }
    expect(reader.anchors()).toMatchObject([{ sequence: 20 }, { sequence: 40 }])
    expect(reader.cursors()).toMatchObject([
      { name: 'first', sequence: 42 },
      { name: 'second', sequence: 41 },
    ])
    expect(await world().wait(reader.verify())).toMatchObject({ findings: [], records: 60 })
    await world().wait(log.close())
    await world().wait(reader.close())
  })

  test('B13 a reader goes on where another writer does', async () => {
    const log = await open(world())
    await fill(log, 50)
    const reader = await openToRead(world())
    expect(reader.report).toMatchObject({ writer: 'alive', end: 'in use', unproven: 0 })
    await world().wait(log.close())
    for (let life = 2; life < 6; life++) {
      const next = await open(world())
      await fill(next, 31)
      expect(numbers(reader.read())).toBe(expected(1, next.lastSequence))
      await world().wait(next.close())
    }
    const late = await openToRead(world())
    expect(late.report).toEqual({
      status: 'running',
      writer: 'free',
      end: 'closed',
      unproven: 0,
      lost: [],
      findings: [],
    })
    expect(numbers(late.read())).toBe(expected(1, 174))
  })

  test('B13 opening, reading and closing change no byte and no name', async () => {
    const log = await open(world())
    await fill(log, 90)
    await world().wait(log.close())
    const before = snapshot(world())
    const reader = await openToRead(world())
    expect(numbers(reader.read())).toBe(expected(1, 90))
    for await (const entry of reader.read({ from: 40 })) numberOf(entry.value)
    expect(numberOf(reader.get(77)!.value)).toBe(77)
    await reader.close()
    expect(snapshot(world())).toEqual(before)
  })

  test('where there is no log, an opening for reading says NOT_A_LOG and makes nothing', async () => {
    const { env, directory, wait } = world()
    expect(await codeLater(wait(openReadOnly(directory, { environment: env })))).toBe('NOT_A_LOG')
    expect(env.call({ do: 'stat', path: directory })).toBeUndefined()
    env.call({ do: 'makeDirectory', path: directory })
    expect(await codeLater(wait(openReadOnly(directory, { environment: env })))).toBe('NOT_A_LOG')
    expect(env.call({ do: 'list', path: directory })).toEqual([])
  })

  test('options are checked: another codec, an unknown option, no path', async () => {
    const { env: environment, directory, wait } = world()
    const log = await open(world())
    await wait(log.close())
    const wrong: readonly Parameters<typeof openReadOnly>[] = [
      [directory, { environment, codec: json() }],
      [directory, { environment }],
      [directory, { environment, segmentBytes: 4096 } as never],
      ['', { environment }],
    ]
    for (const each of wrong) expect(await codeLater(wait(openReadOnly(...each)))).toBe('INVALID_ARGUMENT')
  })

  test('what writes says READ_ONLY, what comes after a close says CLOSED', async () => {
    const log = await open(world())
    await fill(log, 3)
    const reader = await openToRead(world())
    const any = reader as unknown as typeof log
    const values = [record(4)]
    for (const act of [
      () => any.append(record(4)),
      () => any.appendBatch(values),
      () => any.commitSync(record(4)),
      () => any.commitBatchSync(values),
      () => any.syncNow(),
      () => any.roll(),
    ])
      expect(codeOf(act)).toBe('READ_ONLY')
    for (const act of [any.commit(record(4)), any.commitBatch(values), any.durable(1), any.sync(), any.ready()])
      expect(await codeLater(act)).toBe('READ_ONLY')
    expect(log.lastSequence).toBe(3)
    await reader.close()
    expect(codeOf(() => reader.get(1))).toBe('CLOSED')
    expect(codeOf(() => reader.read())).toBe('CLOSED')
    await reader.close()
    await world().wait(log.close())
  })
})
