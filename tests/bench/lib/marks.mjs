// What a message, a connection and an edge may cost Postgres: where we are, what must be reached, what is wanted.
//
// A mark: [work, unit, pass, aim, value]. `value` finds its number: beside(measure, column, peer) is a ratio of medians, ours(measure, column)
// a median, kernel(measure, column) the ratio to what the kernel alone takes, kir(item) what `instructions` has noted. Unit x: a ratio.
import { median } from './table.mjs'

const NAIVE = 'naive'
const EQUAL = 'socket.io'

export const MARKS = [
  ['500 sends a second, one receipt each: Postgres', 'x naive', 2.0, 1.2, (f) => f.beside('lone', 0, NAIVE)],
  ['ack p50', 'x naive', 1.2, 1.0, (f) => f.beside('lone', 1, NAIVE)],
  ['100 in flight: Postgres per send', 'x naive', 0.8, 0.6, (f) => f.beside('flight', 1, NAIVE)],
  ['acks a second, at least', 'x naive', 1.6, 2.0, (f) => f.beside('flight', 0, NAIVE)],
  ['nine receipts a message, 64 in flight: Postgres', 'x equal work', 0.7, 0.5, (f) => f.beside('receipts', 2, EQUAL)],
  ['rows by SQL into 10 000 chats of two: a second reached, at least', '', 2000, 2000, (f) => f.ours('rows', 0)],
  ['Postgres', 'x naive', 1.8, 1.2, (f) => f.beside('rows', 1, NAIVE)],
  ['committed to received, p50', 'x naive', 2.0, 1.2, (f) => f.beside('rows', 2, NAIVE)],
  ['a chat of 1000, receipts limited: Postgres per message', 'x naive', 2.0, 1.2, (f) => f.beside('large', 0, NAIVE)],
  ['the server', 'x the kernel', 2.0, 1.3, (f) => f.kernel('large', 1)],
  ['typing, 400 a second: Postgres', 'us', 60, 0, (f) => f.ours('typing', 0)],
  ['connections in a storm: Postgres', 'x equal work', 2.0, 1.0, (f) => f.beside('rush', 1, EQUAL)],
  ['a connection alone: Postgres', 'us', 500, 300, (f) => f.ours('alone', 0)],
  ['row committed to frame received, p50', 'x naive', 1.2, 1.0, (f) => f.beside('latency', 0, NAIVE)],
  ['p99', 'x naive', 1.5, 1.0, (f) => f.beside('latency', 1, NAIVE)],
  ["the pump's share of Postgres there", '%', 20, 10, (f) => f.ours('pump', 0)],
  ['each further edge, 50 events a second: Postgres', 'ms a second', 15, 8, (f) => f.ours('edges', 0)],
  ['500 events a second', 'ms a second', 40, 25, (f) => f.ours('edges', 1)],
  ['64 writers with events, of without, at least', 'x', 0.5, 0.55, (f) => f.ours('writers', 1)],
  ['behind 4 ms, at least', 'x', 0.65, 0.75, (f) => f.ours('standby', 1)],
  ['`INSERT` into `platform.messages`', 'kIr', 700, 600, (f) => f.kir('insert')],
  ['a send alone', 'kIr', 1200, 900, (f) => f.kir('send')],
  ['in a batch of 32', 'kIr', 550, 400, (f) => f.kir('send32')],
  ['the server per send, 500 a second', 'us', 170, 120, (f) => f.ours('lone', 3)],
  ['100 in flight', 'us', 90, 70, (f) => f.ours('flight', 2)],
]

const over = (a, b) => (a === undefined || !b ? undefined : a / b)

// results as in table.mjs; noted: what `instructions` has found last.
function finder(results, noted) {
  const of = (measure, column, who) => median((results[measure]?.[who] ?? []).map((r) => r[column]))
  const ours = (measure, column) => of(measure, column, 'bellwire')
  return {
    ours,
    beside: (measure, column, peer) => over(ours(measure, column), of(measure, column, peer)),
    kernel: (measure, column) => over(ours(measure, column), of(measure, column, 'floor')),
    kir: (item) => noted[item],
  }
}

const shown = (x) => (x === undefined ? '' : x.toFixed(x < 10 ? 2 : 0))

// Cells of a table: the marks whose figures are there.
export function marks(results, noted) {
  const f = finder(results, noted)
  const found = MARKS.map(([work, unit, pass, aim, value]) => ({ work, unit, pass, aim, now: value(f) })).filter((m) => m.now !== undefined)
  // what is shown is compared: 1999.7 of 2000 is 2000
  const good = (m) => (m.work.endsWith('at least') ? Number(shown(m.now)) >= m.pass : Number(shown(m.now)) <= m.pass)
  return found.map((m) => [m.work, m.unit, shown(m.now), String(m.pass), String(m.aim), good(m) ? 'yes' : 'no'])
}
