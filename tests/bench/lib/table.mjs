// The table that a run prints: a line for each figure, its median over the rounds and how far they lay apart.
import { SERVERS } from './servers.mjs'

const NAMES = Object.keys(SERVERS)

const sorted = (values) => values.filter((x) => x !== undefined).sort((a, b) => a - b)
const middle = (v) => v[Math.floor(v.length / 2)]
export const median = (values) => middle(sorted(values))

function summary(rounds, column, digits) {
  const v = sorted((rounds ?? []).map((r) => r[column]))
  if (!v.length) return { text: '' }
  const f = (x) => x.toFixed(digits)
  return { median: middle(v), text: v.length > 1 ? `${f(middle(v))} (${f(v[0])}-${f(v.at(-1))})` : f(middle(v)) }
}

const ratio = (a, b) => (a.median === undefined || !b.median ? '' : (a.median / b.median).toFixed(2))

// Cells of one width a column; all but the first to the right.
export function aligned(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)))
  const row = (l) => `| ${l.map((c, i) => (i ? c.padStart(widths[i]) : c.padEnd(widths[i]))).join(' | ')} |`
  return [row(lines[0]), `|${widths.map((w, i) => '-'.repeat(w + 1) + (i ? ':' : '-')).join('|')}|`, ...lines.slice(1).map(row)].join('\n')
}

// results: { measure: { server or "floor": [figures of a round] } }; rows: { measure: [[title, digits], ...] }.
export function table(results, rows) {
  const lines = [['', ...NAMES, ...NAMES.slice(1).map((n) => `to ${n}`), 'kernel alone']]
  for (const [measure, titles] of Object.entries(rows)) {
    titles.forEach(([title, digits], column) => {
      const [ours, ...peers] = NAMES.map((s) => summary(results[measure]?.[s], column, digits))
      const kernel = summary(results[measure]?.floor, column, digits)
      lines.push([title, ours.text, ...peers.map((p) => p.text), ...peers.map((p) => ratio(ours, p)), kernel.text])
    })
  }
  return aligned(lines)
}

export const notes = `- Postgres, servers and load share the machine. The load is C (epoll), the same for all.
- Kernel alone: a program that accepts and sends the same frames on loopback, and does nothing else (tests/bench/floor.c).
- bellwire announces presence to contacts here (presence_audience), not to everyone; the others have none at all.
- socket.io does the same work: the participant is checked, the row numbered, foreign keys and indexes are the same, receipts are noted
  where the measure says so (in \`send\` they are not). naive is what is written first: one INSERT, a trigger with NOTIFY and payload, no
  receipts, no numbering, no foreign keys. Where no message is written the two are one program, and the column is empty.
- Send: a row inserted, ten deliveries, an ack. bellwire also numbers messages in order within their chat, checks their content,
  and asks each recipient's client for a confirmation; receipts cannot be turned off, and "one receipt" is receipts_max_participants 1.
- Receipts: both note each of nine recipients and tell the sender about each.
- Memory: without the kernel's socket buffers, but for clients that stopped reading; socket.io's after a full garbage collection.
- Storm: the crowd is a Node of its own, so its figures are also those of 3000 clients on the same two cores. Refused reads follow Retry-After.
- Writers: a row of 200 bytes each. The standby is a real one, whose answers take 4 ms more.`
