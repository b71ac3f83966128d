// Rows that are written by SQL: when they arrive, at what cost, and whether all of them do.
import { BIG, noPairs, pairChat, pairSender, pairs, person } from '../people.mjs'
import { SERVERS } from '../servers.mjs'
import { sql } from '../world.mjs'
import { ALL, BESIDES_TITLE, CROWD, costs, firstChat } from './common.mjs'

async function latency({ run, times, postmaster }) {
  await run.connect(BIG, 10)
  const { chat, sender } = firstChat(BIG)
  const order = (n) => `pace ${n} 100 10 1 ${run.insert(chat, sender)}`
  await run.load(order(100)) // warm
  const { postgres, besides, listening, result } = await costs(run, postmaster, () => run.load(order(times(500))))
  const { commit, begin } = result
  return { latency: [commit.p50, commit.p99, begin.p50, begin.p99].map((us) => us / 1e3), pump: [listening / (postgres + besides) * 100] }
}

// Messages into chats of two, by four writers.
const RATE = 2000
async function smallChats({ run, times, postmaster }) {
  await run.connect(BIG, CROWD)
  const k = `$1::int * 7919 % ${CROWD}`
  const order = (n) => `pace ${n} ${RATE} 2 4 ${run.insert(pairChat(k), pairSender(k))}`
  await run.load(order(1000)) // warm
  const n = times(20000)
  const { postgres, besides, result } = await costs(run, postmaster, async () => {
    const r = await run.load(order(n))
    await run.load('settle 1000')
    return r
  })
  return { rows: [n / result.written_us * 1e6, postgres / (n * 2) * 1e6, result.commit.p50 / 1e3, result.commit.p99 / 1e3, besides / n * 1e6] }
}

const inAll = async (statements, servers) => {
  for (const s of servers) await sql(SERVERS[s].database, ...statements)
}

async function loss({ run, times }) {
  await run.connect(0, 1)
  const n = times(3000)
  let cuts = 0
  const cutting = setInterval(() => {
    run.sql(`select pg_terminate_backend(pid) from pg_stat_activity where ${run.cut} and datname = current_database()`).then(() => cuts++)
  }, 700)
  try {
    const r = await run.load(`tally ${n} 400 ${run.numbered(person(0))}`)
    if (!cuts) throw new Error('nothing was cut')
    return { loss: [r.lost, r.twice, r.misordered].map((c) => c / n * 100) }
  } finally {
    clearInterval(cutting)
  }
}

export const rows = [
  { measures: {
    latency: [['row committed to frame received, 100/s: p50, ms', 2], ['p99, ms', 2], ['insert begun to frame received: p50, ms', 2], ['p99, ms', 2]],
    pump: [["the listening session's share of Postgres CPU there, %", 0]],
  },
  take: latency, servers: ALL },
  { measures: { rows: [[`rows by SQL into 10000 chats of 2, ${RATE} a second asked: a second reached`, 0], ['Postgres CPU s per million deliveries', 0],
    ['committed to received: p50, ms', 2], ['p99, ms', 2], BESIDES_TITLE] },
  take: smallChats, servers: ALL, settings: { receipts_max_participants: 1 }, env: { 'socket.io': { RECEIPTS: 'first' } }, rounds: 2,
  around: async (world, servers) => {
    await inAll(pairs(CROWD), servers)
    return () => inAll(noPairs, servers)
  } },
  { measures: { loss: [['its Postgres sessions ended every 0.7 s: events lost, %', 2], ['twice, %', 2], ['out of order, %', 2]] }, take: loss, rounds: 1 },
]
