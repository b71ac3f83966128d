// What the page of the internal listener costs an edge: while nobody looks, while one does, while as many do as may.
import { setTimeout as sleep } from 'node:timers/promises'
import { BIG } from '../people.mjs'
import { cpuExact, cpuTree } from '../proc.mjs'

const SOCKETS = 1000
const MOST = 16 // streams of an edge
const WARM_MS = 4000 // the history is sent, and those who came at once are told what the edges answer

// Thousandths of a core that processes take meanwhile.
async function taken(ms, ...clocks) {
  const [before, since] = [clocks.map((c) => c()), performance.now()]
  await sleep(ms)
  const s = (performance.now() - since) / 1000
  return clocks.map((c, i) => (c() - before[i]) / s * 100)
}

async function look(run, n) {
  const stop = new AbortController()
  for (let i = 0; i < n; i++) {
    let r
    while ((r = await fetch(`http://127.0.0.1:${run.admin}/page/live`, { signal: stop.signal })).status === 429) await sleep(200)
    if (!r.ok) throw new Error(`the stream answered ${r.status}`)
    r.body.pipeTo(new WritableStream()).catch(() => {})
  }
  await sleep(WARM_MS)
  return () => stop.abort()
}

async function watched({ run, times, postmaster }) {
  const ms = times(20000)
  const off = await run.another({ BELLWIRE_ADMIN_PAGE: 'off' })
  const on = await run.another()
  await sleep(WARM_MS)
  const idle = await taken(ms, () => cpuExact(off.pid), () => cpuExact(on.pid))
  await Promise.all([off.stop(), on.stop()])
  await run.connect(BIG, SOCKETS)
  await sleep(WARM_MS)
  const [nobody, before] = await taken(ms, () => cpuExact(run.pid), () => cpuTree(postmaster))
  const one = await look(run, 1)
  const [server, postgres] = await taken(ms, () => cpuExact(run.pid), () => cpuTree(postmaster))
  one()
  const all = await look(run, MOST)
  const [crowd] = await taken(ms, () => cpuExact(run.pid))
  all()
  return { page: [...idle, nobody, server, crowd, postgres - before] }
}

export const page = [
  { measures: { page: [['an edge without sockets, its page off: CPU, % of a core', 3], ['its page on, nobody looks', 3], ['with 1000 idle sockets, nobody looks', 3],
    ['one looks', 3], [`${MOST} look`, 3], ['Postgres more, while one looks', 3]] }, take: watched, servers: ['bellwire'], rounds: 1 },
]
