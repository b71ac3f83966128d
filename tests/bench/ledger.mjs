// Where the microseconds of a message go: ledger [WORK...], a lone send where nothing is named. The processes that pay are asked one by
// one, the whole is what Postgres took with all that it started; and how often the edge asked, by its metrics.
import { cpuApart, cpuExact, cpuTree, watchTree } from './lib/proc.mjs'
import { BIG, BIG_CHAT, noPairs, pairChat, pairSender, pairs, person } from './lib/people.mjs'
import { CROWD, firstChat, isBesides } from './lib/measures/common.mjs'
import { MESSAGE, asked as send, warm } from './lib/measures/sends.mjs'
import { SERVERS } from './lib/servers.mjs'
import { aligned } from './lib/table.mjs'
import { finish, prepare, setting, sql, withServer } from './lib/world.mjs'

const CALLS = 'other calls of the edge: receipts and their events; the lease'
const PARTS = [
  ['the dispatch: messages, their events, their acks', (s) => /dispatch$/.test(s.name)],
  ['polls of the pump', (s) => s.name === 'edge pump'],
  [CALLS, (s) => s.name.startsWith('edge ')],
  ['further edges: their polls', (s) => s.name === 'further pump'],
  ['further edges: the rest', (s) => s.name.startsWith('further ')],
  ['vacuum, checkpoints, statistics and the rest', isBesides],
  ['the log of Postgres written to disk', (s) => s.title.startsWith('postgres: walwriter')],
  ['writers: their rows and the events of these', () => true],
]

// work: title, count; calls: what the other calls are; further: so many edges without clients beside; ready(run): who is there, and what has run before; run(run): all of it, with its receipts, answers times.
const written = (how, receipts) => async (run, count) => {
  const { others: begin } = await run.load('settle 500')
  const r = await run.load(how(run, count))
  await run.load(`settle 3000 ${begin + count * receipts}`)
  return r.commit
}
const paced = (rate, frames, writers, insert) => (run, n) => `pace ${n} ${rate} ${frames} ${writers} ${insert(run)}`
const intoOne = (run) => run.insert(firstChat(BIG).chat, firstChat(BIG).sender)
const spread = `$1::int * 7919 % ${CROWD}`
const intoPairs = (run) => run.insert(pairChat(spread), pairSender(spread))
const intoLarge = (run) => run.insert(`'${BIG_CHAT}'::uuid`, `'${person(0)}'::uuid`).replaceAll('$1', "'0'")

// A work by writers, whose first part is not counted.
function byWriters(people, first, how, receipts) {
  const write = written(how, receipts)
  return {
    ready: async (run) => {
      await run.connect(...people)
      await write(run, first)
    },
    run: write,
  }
}
const WORK = {
  send: { title: '500 sends a second into chats of ten, one receipt each', count: 3000, times: 'ack',
    ready: warm,
    run: async (run, count) => {
      const { others: begin } = await run.load('settle 3000')
      const { ack } = await send(run, `ask-at ${count} 500 10 ${MESSAGE}`)
      await run.load(`settle 3000 ${begin + count}`)
      return ack
    } },
  rows: { title: 'rows by SQL into 10000 chats of two, 2000 a second, one receipt each', count: 10000, times: 'committed to received',
    before: pairs(CROWD), after: noPairs, ...byWriters([BIG, CROWD], 2000, paced(2000, 2, 4, intoPairs), 1) },
  rows500: { title: 'the same, 500 a second', count: 4000, times: 'committed to received',
    before: pairs(CROWD), after: noPairs, ...byWriters([BIG, CROWD], 1000, paced(500, 2, 4, intoPairs), 1) },
  latency: { title: 'rows by SQL into a chat of ten, 100 a second, one receipt each', count: 1000, times: 'committed to received',
    ...byWriters([BIG, 10], 100, paced(100, 10, 1, intoOne), 1) },
  edges: { title: 'rows by SQL into a chat of ten, 500 a second, two further edges', count: 3000, times: 'committed to received', further: 2,
    ...byWriters([BIG, 10], 500, paced(500, 10, 1, intoOne), 1) },
  alone: { title: 'connections, one at a time, of people in chats of ten with two followers', count: 1000, calls: 'openings, and the lease',
    ready: (run) => run.connect(BIG, 100, 1),
    run: async (run, count) => void await run.connect(BIG + 100, count, 1) },
  ends: { title: 'ends of connections, 200 a second, each said by the client', count: 1000, calls: 'ends, and the lease',
    ready: async (run) => {
      await run.connect(BIG, 1100)
      await run.load(`leave ${BIG} 100 200`)
    },
    run: async (run, count) => {
      await run.load(`leave ${BIG + 100} ${count} 200`)
      await run.load('settle 500')
    } },
  large: { title: 'rows by SQL into a chat of 1000, one at a time, one receipt each', count: 400,
    ...byWriters([0, BIG], 40, (run, n) => `emit ${n} ${BIG} ${intoLarge(run)}`, 1) },
}

// Which part a process of Postgres is of.
async function names(run) {
  const sessions = await run.sql('select pid, application_name as name from pg_stat_activity')
  const known = new Map(sessions.map((s) => [s.pid, s.name]))
  return (p) => PARTS.findIndex(([, is]) => is({ name: known.get(p.pid) ?? '', title: p.title }))
}

const COUNTS = { polls: 'bellwire_pump_fetches_total', rows: 'bellwire_pump_rows_total', own: 'bellwire_pump_lone_rows_total', carried: 'bellwire_pump_carried_rows_total', bells: 'bellwire_pump_bells_total',
  confirmed: 'bellwire_confirmed_latency_seconds_count', calls: 'bellwire_database_calls_total{outcome="ok"}' }
async function counts(run) {
  const text = await (await fetch(`http://127.0.0.1:${run.admin}/metrics`)).text()
  const value = (name) => Number(text.split('\n').find((l) => l.startsWith(`${name} `)).slice(name.length + 1))
  return Object.fromEntries(Object.entries(COUNTS).map(([key, name]) => [key, value(name)]))
}
const less = (to, from) => Object.fromEntries(Object.keys(to).map((k) => [k, to[k] - from[k]]))

const apart = (pid) => ({ ...cpuApart(pid), exact: cpuExact(pid) })

async function take(work, { run, postmaster }) {
  await work.ready(run)
  const further = await Promise.all(Array.from({ length: work.further ?? 0 }, () => run.another({ BELLWIRE_NAME: 'further' })))
  await run.load('settle 1000')
  const partOf = await names(run)
  const asked = await Promise.all([run, ...further].map(counts))
  const [server, whole, watch] = [apart(run.pid), cpuTree(postmaster), watchTree(postmaster)]
  const times = await work.run(run, work.count)
  const each = (s) => s / work.count * 1e6
  const spent = PARTS.map(() => ({ user: 0, system: 0, exact: 0 }))
  for (const p of watch.end()) for (const k of Object.keys(spent[0])) spent[partOf(p)][k] += each(p[k])
  const result = { spent, whole: each(cpuTree(postmaster) - whole), times }
  result.server = Object.fromEntries(Object.entries(less(apart(run.pid), server)).map(([k, s]) => [k, each(s)]))
  result.counts = (await Promise.all([run, ...further].map(counts))).map((c, i) => less(c, asked[i]))
  await Promise.all(further.map((f) => f.stop()))
  return result
}

function row(title, s) {
  const kernel = s.user + s.system ? Math.round(100 * s.system / (s.user + s.system)) : 0
  return [title, s.exact.toFixed(0), `${kernel} %`]
}

function print(work, { spent, server, whole, times, counts: all }) {
  const sum = spent.reduce((n, s) => n + s.exact, 0)
  const ms = (us) => (us / 1e3).toFixed(2)
  console.log(`\n${work.title}: ${work.count} of them${times ? `; ${work.times} p50 ${ms(times.p50)} ms, p99 ${ms(times.p99)}` : ''}\n`)
  console.log(aligned([['microseconds of CPU each', 'us', 'of that the kernel'],
    ...spent.flatMap((s, i) => (s.exact >= 0.5 ? [row(PARTS[i][0] === CALLS ? work.calls ?? CALLS : PARTS[i][0], s)] : [])),
    ['sum of Postgres', sum.toFixed(0), ''],
    ['measured as a whole', whole.toFixed(0), `${Math.abs(100 * (sum / whole - 1)).toFixed(0)} % apart`],
    row('the edge', server)]))
  const per = (n) => (n / work.count).toFixed(2)
  for (const [i, c] of all.entries()) {
    console.log(`\n${i ? 'a further edge, ' : ''}for each ${per(c.polls)} polls of ${((c.rows - c.own - c.carried) / c.polls).toFixed(2)} rows, ${per(c.own)} rows with their acks, ${per(c.carried)} with their bells, ${per(c.bells)} bells heard, ` +
      `${per(c.calls)} other calls, ${per(c.confirmed)} clients that confirmed`)
  }
}

async function write(name, postmaster) {
  const { database } = SERVERS.bellwire
  const { before = [], after = [], ...work } = WORK[name]
  if (before.length) await sql(database, ...before)
  const r = await withServer('bellwire', (run) => take(work, { run, postmaster }))
  if (after.length) await sql(database, ...after)
  print(work, r)
}

export async function ledger(names) {
  const unknown = names.filter((n) => !WORK[n])
  if (unknown.length) throw new Error(`no work ${unknown.join(', ')}; there are ${Object.keys(WORK).join(' ')}`)
  try {
    const { postmaster } = await prepare(['bellwire'])
    await setting(SERVERS.bellwire.database, 'receipts_max_participants', '1')
    for (const name of names.length ? names : ['send']) await write(name, postmaster)
  } finally {
    finish()
  }
}
