#!/usr/bin/env node
// bellwire beside socket.io for Node, doing the same work in turn: tests/bench/run.mjs [MEASURE...] [rounds=N] [scale=F] [seconds=N]
//
// All measures without a name (lib/measures.mjs). scale multiplies the work of a round, seconds is that of one run of writers.
// B is the build to be measured, build/ by default.
import { readFileSync } from 'node:fs'
import { instructions } from './instructions.mjs'
import { FLOORS, GROUPS, ROWS } from './lib/measures.mjs'
import { machine } from './lib/proc.mjs'
import { SERVERS, finish, prepare, setting, withServer } from './lib/world.mjs'

const args = process.argv.slice(2)
const option = (name, value) => Number(args.find((a) => a.startsWith(`${name}=`))?.split('=')[1] ?? value)
const ROUNDS = option('rounds', 3)
const SCALE = option('scale', 1)
const SECONDS = option('seconds', 4)
const times = (n) => Math.max(1, Math.round(n * SCALE))

const names = args.filter((a) => !a.includes('='))
if (names[0] === 'instructions') {
  await instructions(names.slice(1))
  process.exit(0)
}
const unknown = names.filter((n) => !ROWS[n])
if (unknown.length) {
  console.error(`bench: no measure ${unknown.join(', ')}; there are ${Object.keys(ROWS).join(' ')}`)
  process.exit(2)
}
const wanted = names.length ? names : Object.keys(ROWS)
const wants = (measure) => wanted.includes(measure)

const results = {} // measure -> server (or floor) -> rounds -> figures
const note = (measure, who, figures) => ((results[measure] ??= {})[who] ??= []).push(figures)

async function take(group, world) {
  for (let round = 1; round <= Math.min(ROUNDS, group.rounds ?? ROUNDS); round++) {
    for (const name of group.only ?? Object.keys(SERVERS)) {
      process.stderr.write(`${group.measures.join(' ')} ${round} ${name}\n`)
      const found = await withServer(name, (run) => group.take({ ...world, run, times, wants, round, seconds: SECONDS }), { env: group.env })
      for (const [measure, figures] of Object.entries(found)) note(measure, name, figures)
    }
    for (const measure of group.measures) if (wants(measure) && FLOORS[measure]) note(measure, 'floor', [FLOORS[measure]()])
  }
}

async function takeIn(group, world) {
  const set = async (which) => {
    for (const name of Object.keys(group.settings ?? {})) await setting(name, which(name))
  }
  const undo = await group.around?.(world)
  await set((name) => String(group.settings[name]))
  try {
    await take(group, world)
  } finally {
    await set(() => '1000')
    await undo?.()
  }
}

// ---- printing ----

function summary(rounds, column, digits) {
  const v = (rounds ?? []).map((r) => r[column]).filter((x) => x !== undefined).sort((a, b) => a - b)
  if (!v.length) return { text: '' }
  const f = (x) => x.toFixed(digits)
  const median = v[Math.floor(v.length / 2)]
  return { median, text: v.length > 1 ? `${f(median)} (${f(v[0])}-${f(v.at(-1))})` : f(median) }
}

function table() {
  const lines = [['', ...Object.keys(SERVERS), 'ratio', 'kernel alone']]
  for (const measure of wanted) {
    ROWS[measure].forEach(([title, digits], column) => {
      const [a, b] = Object.keys(SERVERS).map((s) => summary(results[measure][s], column, digits))
      lines.push([title, a.text, b.text, b.median ? (a.median / b.median).toFixed(2) : '', summary(results[measure].floor, column, digits).text])
    })
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)))
  const row = (l) => `| ${l.map((c, i) => (i ? c.padStart(widths[i]) : c.padEnd(widths[i]))).join(' | ')} |`
  return [row(lines[0]), `|${widths.map((w, i) => '-'.repeat(w + 1) + (i ? ':' : '-')).join('|')}|`, ...lines.slice(1).map(row)].join('\n')
}

const began = Date.now()
const load = machine()
const world = await prepare()
try {
  for (const group of GROUPS) if (group.measures.some(wants)) await takeIn(group, world)
} finally {
  finish()
}
const { version: peer } = JSON.parse(readFileSync(new URL('../node_modules/socket.io/package.json', import.meta.url)))
console.log(`\n${load}
Postgres ${world.version}, Node ${process.version}, socket.io ${peer} (ws); in turn, ${ROUNDS} rounds at most: median (min-max); ${Math.round((Date.now() - began) / 1000)} s\n\n${table()}\n
- Postgres, servers and load share the machine. The load is C (epoll), the same for both.
- Kernel alone: a program that accepts and sends the same frames on loopback, and does nothing else (tests/bench/floor.c).
- bellwire announces presence to contacts here (presence_audience), not to everyone; socket.io has none at all.
- Send: a row inserted, ten deliveries, an ack. bellwire also numbers messages in order within their chat, checks their content,
  and asks each recipient's client for a confirmation; receipts cannot be turned off, here the first of a message is noted
  (receipts_max_participants 1). socket.io checks the participant, inserts, notifies.
- Receipts: both note each of nine recipients and tell the sender about each.
- Memory: without the kernel's socket buffers, but for clients that stopped reading; socket.io's after a full garbage collection.
- Storm: the crowd is a Node of its own, so its figures are also those of 3000 clients on the same two cores. Refused reads follow Retry-After.
- Writers: a row of 200 bytes each. The standby is a real one, whose answers take 4 ms more.`)
