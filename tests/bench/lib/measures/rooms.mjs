// Rooms: events to many at once.
import { cpu } from '../proc.mjs'
import { BIG, BIG_CHAT, person } from '../people.mjs'
import { ALL, BESIDES_TITLE, costs, floor, perMillion } from './common.mjs'

export const EVENT = 230 // bytes of an event's frame, about
const MESSAGE = 440 // of a message's

// `events` of them, each to `size` sockets, so many in a transaction.
export async function fanout(run, events, burst, room, size) {
  const order = (n) => `emit ${n} ${size * burst} ${run.emit(room, burst)}`
  await run.load(order(Math.ceil(events / burst / 8))) // warm
  return perMillion(run, order(events / burst))
}

async function room({ run, times, wants }) {
  const out = {}
  await run.connect(0, BIG)
  if (wants('fanout')) out.fanout = [await fanout(run, times(400), 1, `participants:${BIG_CHAT}`, BIG)]
  if (wants('burst')) out.burst = [await fanout(run, times(800), 8, `participants:${BIG_CHAT}`, BIG)]
  return out
}

// Messages by SQL into the chat of a thousand, the next when all have got the last one.
async function large({ run, times, postmaster }) {
  await run.connect(0, BIG)
  const receipts = run.name === 'naive' ? 0 : 1
  const insert = run.insert(`'${BIG_CHAT}'::uuid`, `'${person(0)}'::uuid`).replaceAll('$1', "'0'")
  const { others: begin } = await run.load('settle 500')
  const warm = times(40)
  await run.load(`emit ${warm} ${BIG} ${insert}`)
  await run.load(`settle 1000 ${begin + warm * receipts}`)
  const events = times(400)
  const spent = await costs(run, postmaster, async () => {
    await run.load(`emit ${events} ${BIG} ${insert}`)
    await run.load(`settle 1000 ${begin + (warm + events) * receipts}`)
  })
  return { large: [spent.postgres / events * 1e6, spent.server / (events * BIG) * 1e6, spent.besides / events * 1e6] }
}

export const rooms = [
  { measures: {
    fanout: [['room of 1000, one event at a time: CPU s per million deliveries', 2]],
    burst: [['room of 1000, events in bursts of 8', 2]],
  },
  floors: { fanout: () => [floor('delivery', BIG, BIG, EVENT, 200, 1)], burst: () => [floor('delivery', BIG, BIG, EVENT, 60, 8)] },
  take: room },
  { measures: { large: [['chat of 1000, receipts limited, a message at a time: Postgres CPU per message, us', 0], ['server CPU s per million deliveries', 2],
    BESIDES_TITLE] },
    floors: { large: () => [undefined, floor('delivery', BIG, BIG, MESSAGE, 200, 1)] },
    servers: ALL, settings: { receipts_max_participants: 1 }, env: { 'socket.io': { RECEIPTS: 'first' } }, take: large },
]
