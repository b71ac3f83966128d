// Where the microseconds of a lone send go: ledger [rounds=N]. 500 sends a second into chats of ten, one receipt each, by the processes
// that pay for them. The processes are asked one by one, the whole is what Postgres took with all that it started.
import { childrenOf, cpuApart, cpuExact, cpuTree } from './lib/proc.mjs'
import { MESSAGE, asked, warm } from './lib/measures/sends.mjs'
import { SERVERS } from './lib/servers.mjs'
import { aligned } from './lib/table.mjs'
import { finish, prepare, setting, withServer } from './lib/world.mjs'

const SENDS = 3000
const PARTS = [
  ['the dispatch of the send: its message, its event, its ack', (s) => /dispatch$/.test(s.name)],
  ['polls of the pump', (s) => / pump$/.test(s.name)],
  ['other calls of the edge: the receipt and its event; the lease', (s) => s.name.startsWith('edge ')],
  ['the log of Postgres written to disk', (s) => s.kind === 'walwriter'],
  ['vacuum, checkpoints, statistics and the rest', () => true],
]

// Which part a process of Postgres is of.
async function parts(run, postmaster) {
  const sessions = await run.sql('select pid, application_name as name, backend_type as kind from pg_stat_activity')
  const known = new Map(sessions.map((s) => [s.pid, s]))
  return [postmaster, ...childrenOf(postmaster)].map((pid) => {
    const s = known.get(pid) ?? { name: '', kind: '' }
    return { pid, part: PARTS.findIndex(([, is]) => is(s)) }
  })
}

const apart = (pid) => ({ ...cpuApart(pid), exact: cpuExact(pid) })

async function take({ run, postmaster }) {
  await warm(run)
  const { others: begin } = await run.load('settle 3000')
  const processes = (await parts(run, postmaster)).map((p) => ({ ...p, before: apart(p.pid) }))
  const [server, whole] = [apart(run.pid), cpuTree(postmaster)]
  const { acked, ack } = await asked(run, `ask-at ${SENDS} 500 10 ${MESSAGE}`)
  await run.load(`settle 3000 ${begin + SENDS}`)
  const each = (from, to) => Object.fromEntries(Object.keys(to).map((k) => [k, (to[k] - from[k]) / acked * 1e6]))
  const spent = PARTS.map(() => ({ user: 0, system: 0, exact: 0 }))
  for (const p of processes) {
    const e = each(p.before, apart(p.pid))
    for (const k of Object.keys(e)) spent[p.part][k] += e[k]
  }
  return { spent, server: each(server, apart(run.pid)), whole: (cpuTree(postmaster) - whole) / acked * 1e6, ack }
}

function row(title, s) {
  const kernel = s.user + s.system ? Math.round(100 * s.system / (s.user + s.system)) : 0
  return [title, s.exact.toFixed(0), `${kernel} %`]
}

export async function ledger() {
  try {
    const { postmaster } = await prepare(['bellwire'])
    await setting(SERVERS.bellwire.database, 'receipts_max_participants', '1')
    const r = await withServer('bellwire', (run) => take({ run, postmaster }))
    const sum = r.spent.reduce((n, s) => n + s.exact, 0)
    console.log(`a send of ${SENDS}, 500 a second; ack p50 ${(r.ack.p50 / 1e3).toFixed(2)} ms\n`)
    console.log(aligned([['microseconds of CPU', 'us', 'of that the kernel'],
      ...r.spent.map((s, i) => row(PARTS[i][0], s)),
      ['sum of Postgres', sum.toFixed(0), ''],
      ['measured as a whole', r.whole.toFixed(0), `${Math.abs(100 * (sum / r.whole - 1)).toFixed(0)} % apart`],
      row('the edge', r.server)]))
  } finally {
    finish()
  }
}
