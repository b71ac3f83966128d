#!/usr/bin/env node
// bellwire beside socket.io for Node, doing the same work in turn: tests/bench/run.mjs [MEASURE...] [rounds=N] [scale=F] [seconds=N]
//
// All measures without a name (lib/measures.mjs). scale multiplies the work of a round, seconds is that of one run of writers.
// B is the build to be measured, build/ by default. MEASURE may be one of these instead, alone, with names of its own after it:
//
//   instructions [ITEM...]   thousands of instructions of a backend
//   ledger [WORK...]         where the microseconds of a message go
import { readFileSync } from 'node:fs'
import { instructions, last } from './instructions.mjs'
import { ledger } from './ledger.mjs'
import { marks } from './lib/marks.mjs'
import { GROUPS, ROWS } from './lib/measures.mjs'
import { machine } from './lib/proc.mjs'
import { SERVERS } from './lib/servers.mjs'
import { aligned, notes, table } from './lib/table.mjs'
import { finish, prepare, setting, withServer } from './lib/world.mjs'

const args = process.argv.slice(2)
const option = (name, value) => Number(args.find((a) => a.startsWith(`${name}=`))?.split('=')[1] ?? value)
const ROUNDS = option('rounds', 3)
const SCALE = option('scale', 1)
const SECONDS = option('seconds', 4)
const times = (n) => Math.max(1, Math.round(n * SCALE))

const OTHERS = { instructions, ledger }
const names = args.filter((a) => !a.includes('='))
if (OTHERS[names[0]]) {
  await OTHERS[names[0]](names.slice(1))
  process.exit(0)
}
const unknown = names.filter((n) => !ROWS[n])
if (unknown.length) {
  console.error(`bench: no measure ${unknown.join(', ')}; there are ${Object.keys(ROWS).join(' ')}, and ${Object.keys(OTHERS).join(' ')}`)
  process.exit(2)
}
const wants = (measure) => !names.length || names.includes(measure)
const groups = GROUPS.filter((g) => Object.keys(g.measures).some(wants))
const serversOf = (group) => group.servers ?? ['bellwire', 'socket.io']

const results = {} // measure -> server (or floor) -> rounds -> figures
const note = (measure, who, figures) => ((results[measure] ??= {})[who] ??= []).push(figures)

async function take(group, world) {
  for (let round = 1; round <= Math.min(ROUNDS, group.rounds ?? ROUNDS); round++) {
    for (const name of serversOf(group)) {
      process.stderr.write(`${Object.keys(group.measures).filter(wants).join(' ')} ${round} ${name}\n`)
      const found = await withServer(name, (run) => group.take({ ...world, run, times, wants, round, seconds: SECONDS }), { env: group.env })
      for (const [measure, figures] of Object.entries(found)) note(measure, name, figures)
    }
    for (const [measure, floor] of Object.entries(group.floors ?? {})) if (wants(measure)) note(measure, 'floor', floor())
  }
}

async function takeIn(group, world) {
  const set = async (which) => {
    for (const name of Object.keys(group.settings ?? {})) await setting(SERVERS.bellwire.database, name, which(name))
  }
  const undo = await group.around?.(world, serversOf(group))
  await set((name) => String(group.settings[name]))
  try {
    await take(group, world)
  } finally {
    await set(() => '1000')
    await undo?.()
  }
}

const began = Date.now()
const load = machine()
try {
  const world = await prepare(Object.keys(SERVERS).filter((s) => groups.some((g) => serversOf(g).includes(s))))
  for (const group of groups) await takeIn(group, world)
  const { version: peer } = JSON.parse(readFileSync(new URL('../node_modules/socket.io/package.json', import.meta.url)))
  const reached = marks(results, last())
  console.log(`\n${load}
Postgres ${world.version}, Node ${process.version}, socket.io ${peer} (ws); in turn, ${ROUNDS} rounds at most: median (min-max); ${Math.round((Date.now() - began) / 1000)} s\n
${table(results, Object.fromEntries(Object.entries(ROWS).filter(([m]) => wants(m))))}\n\n${notes}`)
  if (reached.length) console.log(`\n${aligned([['', 'unit', 'now', 'pass', 'aim', 'reached'], ...reached])}`)
} finally {
  finish()
}
