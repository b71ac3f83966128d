// What measures share.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { cpu, cpuTree } from '../proc.mjs'
import { BIG, chatOf, person } from '../people.mjs'
import { PEOPLE, build } from '../servers.mjs'

export const CROWD = PEOPLE - BIG
export const ALL = ['bellwire', 'socket.io', 'naive']
export const firstChat = (i) => ({ chat: `'${chatOf(i, 0)}'::uuid`, sender: `'${person(i)}'::uuid` })

// What the kernel alone takes (floor.c): microseconds of an `accept` or a `delivery`.
export const floor = (key, ...args) => JSON.parse(execFileSync(join(build, 'bench/floor'), args.map(String), { encoding: 'utf8' }))[key]

// Seconds of CPU of the server, of Postgres and of the session that listens, while `work` runs; and what that answers.
export async function costs(run, postmaster, work) {
  const listener = (await run.sql('select pid, application_name as name from pg_stat_activity where datname = current_database()'))
    .find((s) => run.listener.test(s.name))
  const taken = () => [cpu(run.pid), cpuTree(postmaster), cpu(listener.pid)]
  const before = taken()
  const result = await work()
  const [server, postgres, listening] = taken().map((s, i) => s - before[i])
  return { server, postgres, listening, result }
}

// Seconds of the server's CPU for a million deliveries of an order.
export async function perMillion(run, order) {
  const before = cpu(run.pid)
  const { deliveries } = await run.load(order)
  return (cpu(run.pid) - before) / deliveries * 1e6
}
