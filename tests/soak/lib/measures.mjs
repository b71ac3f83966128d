// What an edge and its tables take, so that it can be seen to be back where it was.
import { readdirSync, readFileSync } from 'node:fs'
import { until } from '../../integration/lib/world.mjs'

const EMPTY_MS = 60000
const TABLES = ['sockets', 'recoveries', 'presence', 'edges', 'ticks']

const rss = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length

// Nobody is there any more.
export async function emptied(world, edges) {
  let left
  await until(async () => {
    [left] = await world.sql('select (select count(*) from bellwire.sockets) sockets, (select count(*) from bellwire.presence where online) online')
    return left.sockets === 0 && left.online === 0
  }, () => `nobody is left: ${JSON.stringify(left)}`, EMPTY_MS)
  for (const e of edges) {
    for (const gauge of ['bellwire_sockets', 'bellwire_sessions', 'bellwire_connections', 'bellwire_rooms']) {
      await until(async () => await e.metric(gauge) === 0, `${gauge} is 0`, EMPTY_MS)
    }
    await until(() => e.ready(), 'ready', EMPTY_MS)
  }
}

export async function measure(world, edges) {
  for (const t of TABLES) await world.sql(`vacuum bellwire.${t}`)
  const tables = await world.sql(`select relname as name, pg_total_relation_size(oid) as bytes from pg_class
    where relnamespace = 'bellwire'::regnamespace and relname = any ($1)`, [TABLES])
  return { edges: edges.map((e) => ({ rss: rss(e.pid), descriptors: descriptors(e.pid) })), tables: Object.fromEntries(tables.map((t) => [t.name, t.bytes])) }
}

const kb = (n) => Math.round(n / 1024)

// What is not back.
export function compare(before, after, { room_bytes, table_bytes }) {
  const wrong = []
  for (const [i, e] of after.edges.entries()) {
    const was = before.edges[i]
    console.log(`edge ${i + 1}: ${kb(was.rss)} KiB and ${was.descriptors} descriptors before, ${kb(e.rss)} KiB and ${e.descriptors} after`)
    if (e.rss > was.rss + room_bytes) wrong.push(`edge ${i + 1} has ${kb(e.rss)} KiB, had ${kb(was.rss)}`)
    if (e.descriptors > was.descriptors) wrong.push(`edge ${i + 1} has ${e.descriptors} descriptors, had ${was.descriptors}`)
  }
  for (const [name, bytes] of Object.entries(after.tables)) {
    console.log(`bellwire.${name}: ${kb(before.tables[name])} KiB before, ${kb(bytes)} KiB after`)
    if (bytes > before.tables[name] + table_bytes) wrong.push(`bellwire.${name} has ${kb(bytes)} KiB, had ${kb(before.tables[name])}`)
  }
  return wrong
}
