// What the page of the internal listener costs an edge, while nobody looks, while one does, while as many do as may; and what those who
// flood it do to its events.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { BIG } from '../people.mjs'
import { cpuExact, cpuTree } from '../proc.mjs'
import { firstChat } from './common.mjs'

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

// Events in a chat of ten: rate a second, by four writers. Answers how long they took, and what the edge took meanwhile, as taken() does.
async function events(run, n, rate) {
  const { chat, sender } = firstChat(BIG)
  const [before, since] = [cpuExact(run.pid), performance.now()]
  const { commit } = await run.load(`pace ${n} ${rate} 10 4 ${run.insert(chat, sender)}`)
  return { cpu: (cpuExact(run.pid) - before) / (performance.now() - since) * 1e5, latency: [commit.p50 / 1e3, commit.p99 / 1e3] }
}

async function watchedBusy({ run, times }) {
  await run.connect(BIG, 10)
  await events(run, 500, 500) // warm
  const cpu = []
  for (const looking of [0, 1, MOST]) {
    const stop = looking ? await look(run, looking) : () => {}
    cpu.push((await events(run, times(5000), 500)).cpu)
    stop()
  }
  return { page_busy: cpu }
}

const TABS = 64
const FLOOD = 32

// So many tabs, of which those that are refused try again, and requests one behind the other; answers what ends them.
function flood(admin) {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const paths = ['', 'main.js', 'why?event=1&user=', 'user?id='].map((p) => (p.includes('=') ? `${p}0000000a-0000-4000-8000-000000000001` : p))
  const ask = (path) => fetch(`http://127.0.0.1:${admin}/page/${path}`, { signal: stop.signal })
  const again = async (fn) => { while (!stop.signal.aborted) await fn().catch(() => {}) }
  for (let i = 0; i < TABS; i++) {
    again(async () => {
      await (await ask('live')).body.pipeTo(new WritableStream())
      await sleep(1000) // a browser waits longer
    })
  }
  for (let i = 0; i < FLOOD; i++) again(async () => { await (await ask(paths[i % paths.length])).text() })
  return () => stop.abort()
}

async function flooded({ run, times }) {
  await run.connect(BIG, 10)
  await events(run, 200, 100) // warm
  const other = await run.another()
  const figures = []
  for (const admin of [null, other.admin, run.admin]) {
    const stop = admin ? flood(admin) : () => {}
    await sleep(WARM_MS / 2)
    figures.push(...(await events(run, times(1000), 100)).latency)
    stop()
  }
  await other.stop()
  return { page_flood: figures }
}

export const page = [
  { measures: { page_busy: [['500 messages a second into a chat of ten, nobody looks: CPU of the edge, % of a core', 2], ['one looks', 2], [`${MOST} look`, 2]] },
    take: watchedBusy, servers: ['bellwire'], rounds: 1 },
  { measures: { page_flood: [['row committed to frame received, 100/s: p50, ms', 2], ['p99, ms', 2],
    [`${TABS} tabs and ${FLOOD} who ask without a pause, at another edge beside: p50, ms`, 2], ['p99, ms', 2], ['at this edge: p50, ms', 2], ['p99, ms', 2]] },
    take: flooded, servers: ['bellwire'], rounds: 1 },
  { measures: { page: [['an edge without sockets, its page off: CPU, % of a core', 3], ['its page on, nobody looks', 3], ['with 1000 idle sockets, nobody looks', 3],
    ['one looks', 3], [`${MOST} look`, 3], ['Postgres more, while one looks', 3]] }, take: watched, servers: ['bellwire'], rounds: 1 },
]
