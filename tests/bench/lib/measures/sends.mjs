// What clients send: messages, typing.
import { BIG } from '../people.mjs'
import { ALL, BESIDES_TITLE, costs } from './common.mjs'

export const MESSAGE = '["chat:message:send",{"chat_id":"$chat","type":"text","content":"bench $n, a message of ordinary length"}]'
const JOIN = '["chat:join",{"chat_id":"$chat"}]'
const TYPING = '["chat:typing",{"chat_id":"$chat","is_typing":true}]'

// An order whose events were all taken.
export async function asked(run, order) {
  const r = await run.load(order)
  if (r.refused) throw new Error(`${r.refused} of ${r.acked} events were refused`)
  return r
}

// Messages of a thousand people in chats of ten, each with so many receipts: `how` is the order without what is sent.
// The events that follow a send are its cost, too.
export async function messages({ run, postmaster }, how, count, receipts) {
  const { others: begin } = await run.load('settle 3000')
  const spent = await costs(run, postmaster, async () => {
    const r = await asked(run, `${how} 10 ${MESSAGE}`)
    const { others } = await run.load(`settle 3000 ${begin + count * receipts}`)
    if (others - begin < count * receipts) throw new Error(`${others - begin} receipts of ${count} sends, want ${receipts} each`)
    return r
  })
  const r = spent.result
  return { rate: r.acked / r.us * 1e6, server: spent.server / count * 1e6, postgres: spent.postgres / count * 1e6, p50: r.ack.p50 / 1e3, p99: r.ack.p99 / 1e3,
    besides: spent.besides / count * 1e6 }
}

export const warm = async (run) => {
  await run.connect(BIG, 1000)
  await asked(run, `ask 600 64 10 ${MESSAGE}`)
}
const receiptsOf = (run, n) => (run.name === 'naive' ? 0 : n)

const send = (measure, receipts) => async (w) => {
  await warm(w.run)
  const n = w.times(6000)
  const m = await messages(w, `ask ${n} 64`, n, receipts)
  return { [measure]: [m.rate, m.server, m.postgres, m.p50, m.p99, m.besides] }
}

async function lone(w) {
  await warm(w.run)
  const n = w.times(5000)
  const m = await messages(w, `ask-at ${n} 500`, n, receiptsOf(w.run, 1))
  return { lone: [m.postgres, m.p50, m.p99, m.server, m.besides] }
}

async function flight(w) {
  await warm(w.run)
  const n = w.times(8000)
  const m = await messages(w, `ask ${n} 100`, n, receiptsOf(w.run, 1))
  return { flight: [m.rate, m.postgres, m.server, m.besides] }
}

async function typing({ run, times, postmaster }) {
  await run.connect(BIG, 1000)
  await asked(run, `ask 1000 32 0 ${JOIN}`)
  await asked(run, `ask-at 200 400 9 ${TYPING}`)
  const n = times(4000)
  const spent = await costs(run, postmaster, () => asked(run, `ask-at ${n} 400 9 ${TYPING}`))
  const { p50, p99 } = spent.result.ack
  return { typing: [spent.postgres / n * 1e6, spent.server / n * 1e6, p50 / 1e3, p99 / 1e3, spent.besides / n * 1e6] }
}

const titles = (what) => [[`acked ${what} per second, 64 in flight`, 0], ['server CPU per send, us', 0], ['Postgres CPU per send, us', 0],
  ['ack p50, ms', 1], ['ack p99, ms', 1], BESIDES_TITLE]
const first = { settings: { receipts_max_participants: 1 }, env: { 'socket.io': { RECEIPTS: 'first' } }, servers: ALL }
export const sends = [
  { measures: { send: titles('sends') }, take: send('send', 0), settings: { receipts_max_participants: 1 } },
  { measures: { receipts: titles('sends with 9 receipts each') }, take: send('receipts', 9), env: { 'socket.io': { RECEIPTS: 'all' } } },
  { measures: { lone: [['500 sends a second, one receipt each: Postgres CPU per send, us', 0], ['ack p50, ms', 2], ['ack p99, ms', 2], ['server CPU per send, us', 0],
    BESIDES_TITLE] },
    take: lone, ...first },
  { measures: { flight: [['acked sends per second, one receipt each, 100 in flight', 0], ['Postgres CPU per send, us', 0], ['server CPU per send, us', 0],
    BESIDES_TITLE] },
    take: flight, ...first },
  { measures: { typing: [['typing, 400 a second in chats of ten: Postgres CPU each, us', 0], ['server CPU each, us', 0], ['ack p50, ms', 2], ['ack p99, ms', 2],
    BESIDES_TITLE] }, take: typing },
]
