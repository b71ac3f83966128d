// Connections: what one costs, alone and among many, and what it holds.
import { setTimeout as sleep } from 'node:timers/promises'
import { connections, cpu, memory } from '../proc.mjs'
import { BIG, BIG_CHAT } from '../people.mjs'
import { median } from '../table.mjs'
import { BESIDES_TITLE, CROWD, costs, floor } from './common.mjs'
import { EVENT, fanout } from './rooms.mjs'

async function tidy(run) {
  if (run.tidy) process.kill(run.pid, run.tidy)
  await sleep(1500)
}

async function crowd({ run, times, wants, postmaster, round }) {
  const out = {}
  await tidy(run)
  const m = memory(run.pid)
  const spent = await costs(run, postmaster, () => run.connect(BIG, CROWD))
  out.connect = [...[spent.server, spent.postgres].map((s) => s / CROWD * 1e6), CROWD / spent.result.us * 1e6, spent.besides / CROWD * 1e6]
  await tidy(run)
  const m2 = memory(run.pid)
  out.memory = [(m2.anon - m.anon) / CROWD, (m2.own - m.own) / CROWD]
  if (wants('wide')) out.wide = [await fanout(run, times(40), 1, null, CROWD)]
  if (wants('pairs')) {
    const order = (n) => `pace ${n} 2000 2 1 ${run.pair}`
    await run.load(order(500))
    const n = times(6000)
    const before = cpu(run.pid)
    await run.load(order(n))
    out.pairs = [(cpu(run.pid) - before) / (n * 2) * 1e6]
  }
  if (wants('idle') && round === 1) { // a whole interval of heartbeats
    const before = cpu(run.pid)
    await run.load('wait 25000')
    out.idle = [(cpu(run.pid) - before) / CROWD / 25 * 1e6]
  }
  return out
}

// All of them, thousands at a time. An edge takes 4000 from one address that have not said yet who they are.
const RUSH = 3500
async function rush({ run, postmaster }) {
  const spent = await costs(run, postmaster, () => run.connect(BIG, CROWD, RUSH))
  return { rush: [...[spent.server, spent.postgres].map((s) => s / CROWD * 1e6), CROWD / spent.result.us * 1e6, spent.besides / CROWD * 1e6] }
}

// The next when the last has been let in: the middle of some parts, each with the events that it causes and the polls for these.
const PARTS = 8
async function alone({ run, times, postmaster }) {
  const n = times(250)
  await run.connect(BIG, 100, 1)
  const parts = []
  for (let i = 0; i < PARTS; i++) {
    const spent = await costs(run, postmaster, () => run.connect(BIG + 100 + i * n, n, 1))
    parts.push([spent.postgres, spent.postgres - spent.listening, spent.server, spent.besides].map((s) => s / n * 1e6))
  }
  return { alone: parts[0].map((_, column) => median(parts.map((p) => p[column]))) }
}

// A hundred clients stop reading, one goes on; events of 4 KiB, 20 a second, for 70 s at most.
async function stuck({ run }) {
  const N = 100
  await run.connect(0, N + 1)
  await run.load(`freeze 0 ${N}`)
  const start = Date.now()
  const base = memory(run.pid).anon
  let held = 0
  while (Date.now() - start < 70000) {
    await run.load(`pace 10 20 1 1 ${run.big(`participants:${BIG_CHAT}`)}`)
    const { open, queued } = connections(run.port)
    held = Math.max(held, (memory(run.pid).anon - base) / 1024 / N + queued / 2 ** 20 / N)
    if (open <= 1) break
  }
  return { stuck: [held, (Date.now() - start) / 1000] }
}

export const connects = [
  { measures: {
    memory: [['anonymous memory per idle socket of 10000, KiB', 2], ['private memory per idle socket, KiB', 2]],
    connect: [['server CPU per connection (token, rooms), us', 0], ['Postgres CPU per connection, us', 0], ['connections per second', 0],
      BESIDES_TITLE],
    wide: [['room of 10000', 2]],
    pairs: [['10000 rooms of 2, 2000 events/s', 1]],
    idle: [['idle CPU per socket and second of 10000, us', 2]],
  },
  floors: {
    connect: () => [floor('accept', CROWD, 1, EVENT, 1, 1)],
    wide: () => [floor('delivery', CROWD, CROWD, EVENT, 20, 1)],
    pairs: () => [floor('delivery', CROWD, 2, EVENT, 20000, 1)],
  },
  take: crowd, rounds: 2 },
  { measures: { rush: [['10000 connections, 3500 at once: server CPU each, us', 0], ['Postgres CPU each, us', 0], ['connections per second', 0], BESIDES_TITLE] }, take: rush, rounds: 2 },
  { measures: { alone: [['a connection at a time: Postgres CPU each, us', 0], ['without the session that listens, us', 0],
    ['server CPU each, us', 0], BESIDES_TITLE] }, take: alone },
  { measures: { stuck: [['held per client that stopped reading, 80 KiB/s: at most, MiB', 2], ['seconds until all of them were cut', 0]] }, take: stuck, rounds: 1 },
]
