// The cost to Postgres of an edge without clients.
import { BIG } from '../people.mjs'
import { cpuTree } from '../proc.mjs'
import { firstChat } from './common.mjs'

const MORE = 2

// Milliseconds of Postgres' CPU a second while messages come at that rate.
async function load(run, postmaster, rate, seconds) {
  const { chat, sender } = firstChat(BIG)
  const order = (n) => `pace ${n} ${rate} 10 1 ${run.insert(chat, sender)}`
  await run.load(order(rate)) // warm
  const [before, since] = [cpuTree(postmaster), performance.now()]
  await run.load(order(rate * seconds))
  return (cpuTree(postmaster) - before) * 1e6 / (performance.now() - since)
}

async function further({ run, postmaster, seconds }) {
  await run.connect(BIG, 10)
  const each = []
  for (const rate of [50, 500]) {
    const one = await load(run, postmaster, rate, seconds)
    const others = await Promise.all(Array.from({ length: MORE }, () => run.another()))
    const many = await load(run, postmaster, rate, seconds)
    await Promise.all(others.map((o) => o.stop()))
    const again = await load(run, postmaster, rate, seconds)
    each.push((many - (one + again) / 2) / MORE)
  }
  return { edges: each }
}

export const edges = [
  { measures: { edges: [['each further server without clients, 50 events/s: Postgres CPU ms a second', 0], ['500 events/s', 0]] }, take: further },
]
