#!/usr/bin/env node
// bellwire beside socket.io for Node, doing the same work in turn: tests/bench/run.mjs [MEASURE...] [rounds=N] [scale=F]
//
// MEASURE: fanout burst memory connect send receipts latency; all without. scale multiplies the work of a round.
// B is the build to be measured, build/ by default.
import { setTimeout as sleep } from 'node:timers/promises'
import { cpu, cpuTree, machine, memory } from './lib/proc.mjs'
import { BIG, BIG_CHAT, PEOPLE, SERVERS, finish, firstChat, prepare, setting, withServer } from './lib/world.mjs'

const args = process.argv.slice(2)
const option = (name, value) => Number(args.find((a) => a.startsWith(`${name}=`))?.split('=')[1] ?? value)
const ROUNDS = option('rounds', 3)
const SCALE = option('scale', 1)
const times = (n) => Math.max(1, Math.round(n * SCALE))

const sends = (what) => [[`acked ${what} per second, 64 in flight`, 0], ['server CPU per send, us', 0], ['Postgres CPU per send, us', 0],
  ['ack p50, ms', 1], ['ack p99, ms', 1]]
const ROWS = {
  fanout: [['CPU s per million deliveries, room of 1000, one event at a time', 2]],
  burst: [['the same, bursts of 8', 2]],
  memory: [['anonymous memory per idle socket of 10000, KiB', 2], ['private memory per idle socket, KiB', 2]],
  connect: [['server CPU per connection (token, rooms), us', 0], ['Postgres CPU per connection, us', 0], ['connections per second', 0]],
  send: sends('sends'),
  receipts: sends('sends with 9 receipts each'),
  latency: [['row committed to frame received, 100/s: p50, ms', 2], ['p99, ms', 2], ['insert begun to frame received: p50, ms', 2], ['p99, ms', 2]],
}
const names = args.filter((a) => !a.includes('='))
const unknown = names.filter((n) => !ROWS[n])
if (unknown.length) {
  console.error(`bench: no measure ${unknown.join(', ')}; there are ${Object.keys(ROWS).join(' ')}`)
  process.exit(2)
}
const wanted = names.length ? names : Object.keys(ROWS)

let postmaster

async function fanout(run, events, burst) {
  const order = (n) => `emit ${n} ${BIG * burst} ${run.emit(`participants:${BIG_CHAT}`, burst)}`
  await run.load(order(Math.ceil(60 / burst))) // warm
  const before = cpu(run.pid)
  const { deliveries } = await run.load(order(times(events / burst)))
  return (cpu(run.pid) - before) / deliveries * 1e6
}

const rooms = (wants) => async (run) => {
  await run.connect(0, BIG)
  const out = {}
  if (wants.includes('fanout')) out.fanout = [await fanout(run, 500, 1)]
  if (wants.includes('burst')) out.burst = [await fanout(run, 1000, 8)]
  return out
}

async function crowd(run) {
  const N = 10000
  await tidy(run)
  const [m, c, p] = [memory(run.pid), cpu(run.pid), cpuTree(postmaster)]
  const { us } = await run.connect(PEOPLE - N, N)
  const [c2, p2] = [cpu(run.pid), cpuTree(postmaster)]
  await tidy(run)
  const m2 = memory(run.pid)
  return { memory: [(m2.anon - m.anon) / N, (m2.own - m.own) / N], connect: [(c2 - c) / N * 1e6, (p2 - p) / N * 1e6, N / us * 1e6] }
}

async function tidy(run) {
  if (run.tidy) process.kill(run.pid, run.tidy)
  await sleep(1500)
}

const send = (measure, others) => async (run) => {
  await run.connect(BIG, 1000)
  await run.load('send 600 64 10') // warm
  const { others: begin } = await run.load('settle 3000')
  const before = [cpu(run.pid), cpuTree(postmaster)]
  const r = await run.load(`send ${times(6000)} 64 10`)
  if (r.refused) throw new Error(`${r.refused} of ${r.acked} sends were refused`)
  const { others: end } = await run.load('settle 3000') // what follows a send is its cost, too
  const after = [cpu(run.pid), cpuTree(postmaster)]
  const us = (i) => (after[i] - before[i]) / r.acked * 1e6
  if (end - begin < r.acked * others) throw new Error(`${end - begin} receipts of ${r.acked} sends, want ${others} each`)
  return { [measure]: [r.acked / r.us * 1e6, us(0), us(1), r.ack.p50 / 1e3, r.ack.p99 / 1e3] }
}

async function latency(run) {
  await run.connect(BIG, 10)
  const { chat, sender } = firstChat(BIG)
  const order = (n) => `pace ${n} 100 10 ${run.insert(chat, sender)}`
  await run.load(order(100)) // warm
  const { commit, begin } = await run.load(order(times(500)))
  return { latency: [commit.p50, commit.p99, begin.p50, begin.p99].map((us) => us / 1e3) }
}

// ---- running and printing ----

const results = {} // measure -> server -> rounds -> figures

async function interleaved(title, fn, options) {
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of Object.keys(SERVERS)) {
      process.stderr.write(`${title} ${round}/${ROUNDS} ${name}\n`)
      for (const [measure, figures] of Object.entries(await withServer(name, fn, options))) ((results[measure] ??= {})[name] ??= []).push(figures)
    }
  }
}

function summary(rounds, column, digits) {
  const v = rounds.map((r) => r[column]).sort((a, b) => a - b)
  const f = (x) => x.toFixed(digits)
  return { median: v[Math.floor(v.length / 2)], text: `${f(v[Math.floor(v.length / 2)])} (${f(v[0])}-${f(v.at(-1))})` }
}

function table() {
  const lines = [['', ...Object.keys(SERVERS), 'ratio']]
  for (const measure of wanted) {
    ROWS[measure].forEach(([title, digits], column) => {
      const [a, b] = Object.keys(SERVERS).map((s) => summary(results[measure][s], column, digits))
      lines.push([title, a.text, b.text, (a.median / b.median).toFixed(2)])
    })
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)))
  const row = (l) => `| ${l.map((c, i) => (i ? c.padStart(widths[i]) : c.padEnd(widths[i]))).join(' | ')} |`
  return [row(lines[0]), `|${widths.map((w, i) => '-'.repeat(w + 1) + (i ? ':' : '-')).join('|')}|`, ...lines.slice(1).map(row)].join('\n')
}

const load = machine()
const { version, postmaster: pid } = await prepare()
postmaster = pid
try {
  const inRooms = wanted.filter((w) => w === 'fanout' || w === 'burst')
  if (inRooms.length) await interleaved(inRooms.join(' '), rooms(inRooms))
  if (wanted.some((w) => w === 'memory' || w === 'connect')) await interleaved('memory connect', crowd)
  if (wanted.includes('send')) {
    await setting('receipts_max_participants', '1')
    await interleaved('send', send('send', 0))
    await setting('receipts_max_participants', '1000')
  }
  if (wanted.includes('receipts')) await interleaved('receipts', send('receipts', 9), { env: { 'socket.io': { RECEIPTS: '1' } } })
  if (wanted.includes('latency')) await interleaved('latency', latency)
} finally {
  finish()
}
const { version: peer } = JSON.parse(await (await import('node:fs/promises')).readFile(new URL('../node_modules/socket.io/package.json', import.meta.url)))
console.log(`\n${load}\nPostgres ${version}, Node ${process.version}, socket.io ${peer} (ws); ${ROUNDS} rounds in turn: median (min-max)\n\n${table()}\n
- Postgres, servers and load share the machine. The load is C (epoll), the same for both.
- bellwire announces presence to contacts here (presence_audience), not to everyone; socket.io has none at all.
- Send: a row inserted, ten deliveries, an ack. bellwire also numbers messages in order within their chat, checks their content,
  and asks each recipient's client for a confirmation; receipts cannot be turned off, here the first of a message is noted
  (receipts_max_participants 1). socket.io checks the participant, inserts, notifies.
- Receipts: both note each of nine recipients and tell the sender about each.
- Memory: without the kernel's socket buffers; socket.io's after a full garbage collection.`)
