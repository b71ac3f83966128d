// The cost to Postgres of an edge without clients: what its own sessions take. The difference of two runs, with it and without, would be a
// difference of noise: all the others take ten times as much.
import { BIG } from '../people.mjs'
import { cpuExact } from '../proc.mjs'
import { firstChat } from './common.mjs'

const MORE = 2

const sessions = async (run) => (await run.sql("select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"))
  .map((s) => s.pid)

// Milliseconds of CPU a second that those sessions take while messages come at that rate.
async function load(run, pids, rate, seconds) {
  const { chat, sender } = firstChat(BIG)
  const order = (n) => `pace ${n} ${rate} 10 1 ${run.insert(chat, sender)}`
  await run.load(order(rate)) // warm
  const taken = () => pids.reduce((sum, pid) => sum + cpuExact(pid), 0)
  const [before, since] = [taken(), performance.now()]
  await run.load(order(rate * seconds))
  return (taken() - before) * 1e6 / (performance.now() - since)
}

async function further({ run, seconds }) {
  await run.connect(BIG, 10)
  const { chat, sender } = firstChat(BIG)
  await run.load(`pace 50 50 10 1 ${run.insert(chat, sender)}`) // the writer's session is there
  const before = await sessions(run)
  const others = await Promise.all(Array.from({ length: MORE }, () => run.another()))
  const each = []
  try {
    await run.load('settle 1000')
    const own = (await sessions(run)).filter((pid) => !before.includes(pid))
    for (const rate of [50, 500]) each.push(await load(run, own, rate, seconds) / MORE)
  } finally {
    await Promise.all(others.map((o) => o.stop()))
  }
  return { edges: each }
}

export const edges = [
  { measures: { edges: [['each further server without clients, 50 events/s: its sessions, ms a second', 0], ['500 events/s', 0]] }, take: further },
]
