// The measures: what each prints, and how it is taken of one server. A group shares its clients.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connections, cpu, cpuTree, memory } from './proc.mjs'
import { standby, writers } from './pg.mjs'
import { BIG, BIG_CHAT } from './people.mjs'
import { PEOPLE, build, dir, firstChat, sql, usersFile } from './world.mjs'

const CROWD = PEOPLE - BIG
const EVENT = 230 // bytes of an event's frame, about

// measure -> rows of [title, digits]
const sends = (what) => [[`acked ${what} per second, 64 in flight`, 0], ['server CPU per send, us', 0], ['Postgres CPU per send, us', 0],
  ['ack p50, ms', 1], ['ack p99, ms', 1]]
export const ROWS = {
  fanout: [['room of 1000, one event at a time: CPU s per million deliveries', 2]],
  burst: [['room of 1000, events in bursts of 8', 2]],
  wide: [['room of 10000', 2]],
  pairs: [['10000 rooms of 2, 2000 events/s', 1]],
  memory: [['anonymous memory per idle socket of 10000, KiB', 2], ['private memory per idle socket, KiB', 2]],
  idle: [['idle CPU per socket and second of 10000, us', 2]],
  connect: [['server CPU per connection (token, rooms), us', 0], ['Postgres CPU per connection, us', 0], ['connections per second', 0]],
  send: sends('sends'),
  receipts: sends('sends with 9 receipts each'),
  latency: [['row committed to frame received, 100/s: p50, ms', 2], ['p99, ms', 2], ['insert begun to frame received: p50, ms', 2], ['p99, ms', 2]],
  stuck: [['held per client that stopped reading, 80 KiB/s: at most, MiB', 2], ['seconds until all of them were cut', 0]],
  writers: [['64 writers without events, tx/s', 0], ['each with an event, of that', 2]],
  standby: [['64 writers, standby 4 ms away, without events, tx/s', 0], ['each with an event, of that', 2]],
  storm: [['3000 come at once and read: `connected` p50, s', 2], ['the last, s', 2], ['the last has read all, s', 2], ['reads refused, tried again', 0],
    ['longest turn, ms', 0], ['never in', 0], ['have not read all after a minute', 0]],
  loss: [['its Postgres sessions ended every 0.7 s: events lost, %', 2], ['twice, %', 2], ['out of order, %', 2]],
}

// What the kernel alone takes for the same frames (floor.c); the same unit as the first row.
const floor = (key, ...args) => {
  const out = JSON.parse(execFileSync(join(build, 'bench/floor'), args.map(String), { encoding: 'utf8' }))
  return out[key]
}
export const FLOORS = {
  fanout: () => floor('delivery', 1000, 1000, EVENT, 200, 1),
  burst: () => floor('delivery', 1000, 1000, EVENT, 60, 8),
  wide: () => floor('delivery', CROWD, CROWD, EVENT, 20, 1),
  pairs: () => floor('delivery', CROWD, 2, EVENT, 20000, 1),
  connect: () => floor('accept', CROWD, 1, EVENT, 1, 1),
}

async function perMillion(run, order) {
  const before = cpu(run.pid)
  const { deliveries } = await run.load(order)
  return (cpu(run.pid) - before) / deliveries * 1e6
}

async function fanout(run, events, burst, room, size) {
  const order = (n) => `emit ${n} ${size * burst} ${run.emit(room, burst)}`
  await run.load(order(Math.ceil(events / burst / 8))) // warm
  return perMillion(run, order(events / burst))
}

async function tidy(run) {
  if (run.tidy) process.kill(run.pid, run.tidy)
  await sleep(1500)
}

async function room({ run, times, wants }) {
  const out = {}
  await run.connect(0, BIG)
  if (wants('fanout')) out.fanout = [await fanout(run, times(400), 1, `participants:${BIG_CHAT}`, BIG)]
  if (wants('burst')) out.burst = [await fanout(run, times(800), 8, `participants:${BIG_CHAT}`, BIG)]
  return out
}

async function crowd({ run, times, wants, postmaster, round }) {
  const out = {}
  await tidy(run)
  const [m, c, p] = [memory(run.pid), cpu(run.pid), cpuTree(postmaster)]
  const { us } = await run.connect(BIG, CROWD)
  out.connect = [(cpu(run.pid) - c) / CROWD * 1e6, (cpuTree(postmaster) - p) / CROWD * 1e6, CROWD / us * 1e6]
  await tidy(run)
  const m2 = memory(run.pid)
  out.memory = [(m2.anon - m.anon) / CROWD, (m2.own - m.own) / CROWD]
  if (wants('wide')) out.wide = [await fanout(run, times(40), 1, null, CROWD)]
  if (wants('pairs')) {
    await run.load(`pace 500 2000 2 ${run.pair}`)
    const n = times(6000)
    const before = cpu(run.pid)
    await run.load(`pace ${n} 2000 2 ${run.pair}`)
    out.pairs = [(cpu(run.pid) - before) / (n * 2) * 1e6]
  }
  if (wants('idle') && round === 1) { // a whole interval of heartbeats
    const before = cpu(run.pid)
    await run.load('wait 25000')
    out.idle = [(cpu(run.pid) - before) / CROWD / 25 * 1e6]
  }
  return out
}

const send = (measure, others) => async ({ run, times, postmaster }) => {
  await run.connect(BIG, 1000)
  await run.load('send 600 64 10') // warm
  const { others: begin } = await run.load('settle 3000')
  const before = [cpu(run.pid), cpuTree(postmaster)]
  const r = await run.load(`send ${times(6000)} 64 10`)
  if (r.refused) throw new Error(`${r.refused} of ${r.acked} sends were refused`)
  const { others: end } = await run.load(`settle 3000 ${begin + r.acked * others}`) // what follows a send is its cost, too
  const after = [cpu(run.pid), cpuTree(postmaster)]
  const us = (i) => (after[i] - before[i]) / r.acked * 1e6
  if (end - begin < r.acked * others) throw new Error(`${end - begin} receipts of ${r.acked} sends, want ${others} each`)
  return { [measure]: [r.acked / r.us * 1e6, us(0), us(1), r.ack.p50 / 1e3, r.ack.p99 / 1e3] }
}

async function latency({ run, times }) {
  await run.connect(BIG, 10)
  const { chat, sender } = firstChat(BIG)
  const order = (n) => `pace ${n} 100 10 ${run.insert(chat, sender)}`
  await run.load(order(100)) // warm
  const { commit, begin } = await run.load(order(times(500)))
  return { latency: [commit.p50, commit.p99, begin.p50, begin.p99].map((us) => us / 1e3) }
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
    await run.load(`pace 10 20 1 ${run.big(`participants:${BIG_CHAT}`)}`)
    const { open, queued } = connections(run.port)
    held = Math.max(held, (memory(run.pid).anon - base) / 1024 / N + queued / 2 ** 20 / N)
    if (open <= 1) break
  }
  return { stuck: [held, (Date.now() - start) / 1000] }
}

const writing = (measure) => async ({ run, seconds }) => {
  const at = (table) => writers(run.url, 64, seconds, `insert into platform.${table} (body) values (repeat('x', 200))`, dir)
  await run.connect(0, 10)
  const [a, b, c, d] = [await at('bench_rows'), await at('bench_events'), await at('bench_events'), await at('bench_rows')]
  await sql(run.database, 'truncate platform.bench_rows, platform.bench_events')
  return { [measure]: [(a + d) / 2, (b + c) / (a + d)] }
}

async function loss({ run, times }) {
  await run.connect(0, 1)
  const { sender } = firstChat(0)
  const n = times(3000)
  let cuts = 0
  const cutting = setInterval(() => {
    sql(run.database, `select pg_terminate_backend(pid) from pg_stat_activity where ${run.cut} and datname = current_database()`).then(() => cuts++)
  }, 700)
  try {
    const r = await run.load(`tally ${n} 400 ${run.numbered(sender)}`)
    if (!cuts) throw new Error('nothing was cut')
    return { loss: [r.lost, r.twice, r.misordered].map((k) => k / n * 100) }
  } finally {
    clearInterval(cutting)
  }
}

// What the contract asks of clients that come back. The turn is seen from outside: the longest wait for an answer that needs nothing.
async function storm({ run, times }) {
  const n = times(3000)
  const admin = / admin_port=(\d+)/.exec(run.log())[1]
  const crowd = spawn(process.execPath, [join(import.meta.dirname, 'crowd.mjs'), String(run.port), usersFile, String(BIG), String(n)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  let over = false
  crowd.stdout.on('data', (d) => { text += d })
  const ended = once(crowd, 'close').then(() => { over = true })
  let longest = 0
  while (!over) {
    const began = performance.now()
    await (await fetch(`http://127.0.0.1:${admin}/livez`)).text()
    longest = Math.max(longest, performance.now() - began)
    await sleep(5)
  }
  await ended
  const { connected, done, refused, lost, unread } = JSON.parse(text)
  return { storm: [connected[Math.floor(connected.length / 2)] / 1e3, connected.at(-1) / 1e3, done.at(-1) / 1e3, refused, longest, lost, unread] }
}

// `only`: the servers that can. `rounds`: at most so many. `around` sets the world up, and answers what undoes that.
export const GROUPS = [
  { measures: ['fanout', 'burst'], take: room },
  { measures: ['memory', 'connect', 'wide', 'pairs', 'idle'], take: crowd, rounds: 2 },
  { measures: ['send'], take: send('send', 0), settings: { receipts_max_participants: 1 } },
  { measures: ['receipts'], take: send('receipts', 9), env: { 'socket.io': { RECEIPTS: '1' } } },
  { measures: ['latency'], take: latency },
  { measures: ['writers'], take: writing('writers'), rounds: 1 },
  { measures: ['standby'], take: writing('standby'), rounds: 1, around: (w) => standby(w.url, join(dir, 'data'), 4, (...s) => sql('postgres', ...s)) },
  { measures: ['storm'], take: storm, only: ['bellwire'] },
  { measures: ['loss'], take: loss, rounds: 1 },
  { measures: ['stuck'], take: stuck, rounds: 1 },
]
