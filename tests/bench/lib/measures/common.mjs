// What measures share.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpu, cpuExact, watchTree } from '../proc.mjs'
import { BIG, chatOf, person } from '../people.mjs'
import { PEOPLE, build } from '../servers.mjs'

export const CROWD = PEOPLE - BIG
export const ALL = ['bellwire', 'socket.io', 'naive']
export const firstChat = (i) => ({ chat: `'${chatOf(i, 0)}'::uuid`, sender: `'${person(i)}'::uuid` })

// What the kernel alone takes (floor.c): microseconds of an `accept` or a `delivery`.
export const floor = (key, ...args) => JSON.parse(execFileSync(join(build, 'bench/floor'), args.map(String), { encoding: 'utf8' }))[key]

// What Postgres does besides, for whoever wrote before: no session asks for it, and it comes when it comes.
const BESIDES = /^postgres: (autovacuum |checkpointer|background writer|logical replication |archiver)/
export const isBesides = ({ title }) => !title.startsWith('postgres: ') || BESIDES.test(title)

async function listenerOf(run) {
  const [self, ...found] = await run.sql(`select pid, application_name as name, pid = pg_backend_pid() as self from pg_stat_activity
    where datname = current_database() order by pid = pg_backend_pid() desc`)
  while (existsSync(`/proc/${self.pid}`)) await sleep(1) // its end is no part of what follows
  return found.find((s) => run.listener.test(s.name)).pid
}

// Seconds of CPU while `work` runs: of the server, of Postgres for its sessions and its log, of these the session that listens, what
// Postgres did besides; and what the work answers. Each process is asked by itself, to the nanosecond.
export async function costs(run, postmaster, work) {
  const listener = await listenerOf(run)
  const [watch, server] = [watchTree(postmaster), cpuExact(run.pid)]
  const result = await work()
  const taken = { server: cpuExact(run.pid) - server, postgres: 0, listening: 0, besides: 0, result }
  for (const p of watch.end()) {
    taken[isBesides(p) ? 'besides' : 'postgres'] += p.exact
    if (p.pid === listener) taken.listening = p.exact
  }
  return taken
}
export const BESIDES_TITLE = ['vacuum, checkpoints and the like besides, us', 0]

// Seconds of the server's CPU for a million deliveries of an order.
export async function perMillion(run, order) {
  const before = cpu(run.pid)
  const { deliveries } = await run.load(order)
  return (cpu(run.pid) - before) / deliveries * 1e6
}
