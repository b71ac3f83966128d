// Many writers at once, with and without events.
import { join } from 'node:path'
import { standby, writers } from '../pg.mjs'
import { dir, sql } from '../world.mjs'

const writing = (measure) => async ({ run, seconds }) => {
  const at = (table) => writers(run.url, 64, seconds, `insert into platform.${table} (body) values (repeat('x', 200))`, dir)
  await run.connect(0, 10)
  const [a, b, c, d] = [await at('bench_rows'), await at('bench_events'), await at('bench_events'), await at('bench_rows')]
  await run.sql('truncate platform.bench_rows, platform.bench_events')
  return { [measure]: [(a + d) / 2, (b + c) / (a + d)] }
}

const figures = (what) => [[`${what} without events, tx/s`, 0], ['each with an event, of that', 2]]
export const writes = [
  { measures: { writers: figures('64 writers') }, take: writing('writers'), rounds: 1 },
  { measures: { standby: figures('64 writers, standby 4 ms away,') }, take: writing('standby'), rounds: 1,
    around: (w) => standby(w.url, join(dir, 'data'), 4, (...s) => sql('postgres', ...s)) },
]
