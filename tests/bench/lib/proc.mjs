// What Linux tells about processes.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

// Fields of /proc/PID/stat from the third on: the name before them may hold anything.
function stat(pid) {
  const s = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return s.slice(s.lastIndexOf(')') + 2).split(' ')
}

// Seconds of CPU, user and system.
export function cpu(pid) {
  const f = stat(pid)
  return (Number(f[11]) + Number(f[12])) / TICKS
}

// The same to the nanosecond, of the threads that it has now.
export const cpuExact = (pid) => readdirSync(`/proc/${pid}/task`)
  .reduce((sum, t) => sum + Number(readFileSync(`/proc/${pid}/task/${t}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e9

// The same, user and system apart.
export function cpuApart(pid) {
  const f = stat(pid)
  return { user: Number(f[11]) / TICKS, system: Number(f[12]) / TICKS }
}

export const childrenOf = (pid) => readdirSync('/proc').filter((p) => {
  try {
    return /^\d+$/.test(p) && Number(stat(p)[1]) === pid
  } catch {
    return false
  }
}).map(Number)

// Of all children that have ended.
function cpuEnded(pid) {
  const f = stat(pid)
  return (Number(f[13]) + Number(f[14])) / TICKS
}

// Seconds of CPU with all children, those that have ended included.
export function cpuTree(pid) {
  let sum = cpu(pid) + cpuEnded(pid)
  for (const p of childrenOf(pid)) {
    try {
      sum += cpu(p)
    } catch { /* it has ended */ }
  }
  return sum
}

// The title of a process: Postgres says there what each of its own is.
const titleOf = (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]

const EVERY_MS = 500 // a look reads some hundred files

// What a process and its children take from now on, each by itself. end(): [{ pid, title, user, system, exact }] in seconds, those that
// came and went meanwhile included; what these took after the last look is of one without pid and title.
export function watchTree(root) {
  const ended = cpuEnded(root)
  const all = new Map()
  const look = (first) => {
    for (const pid of [root, ...childrenOf(root)]) {
      try {
        const now = { ...cpuApart(pid), exact: cpuExact(pid) }
        const p = all.get(pid) ?? { pid, from: first ? now : { user: 0, system: 0, exact: 0 } }
        all.set(pid, { ...p, title: titleOf(pid), now })
      } catch { /* it has ended */ }
    }
  }
  look(true)
  const timer = setInterval(look, EVERY_MS)
  return {
    end() {
      clearInterval(timer)
      look()
      const there = new Set([root, ...childrenOf(root)])
      const found = [...all.values()].map(({ pid, title, from, now }) =>
        ({ pid, title, ...Object.fromEntries(Object.keys(now).map((k) => [k, now[k] - from[k]])) }))
      const seen = [...all.values()].filter((p) => !there.has(p.pid)).reduce((sum, p) => sum + p.now.exact, 0)
      return [...found, { title: '', user: 0, system: 0, exact: Math.max(0, cpuEnded(root) - ended - seen) }]
    },
  }
}

// Resident memory in KiB: anonymous, and all that is not shared with others.
export function memory(pid) {
  const kib = (file, key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))[1])
  return { anon: kib('status', 'RssAnon'), own: kib('smaps_rollup', 'Private_Clean') + kib('smaps_rollup', 'Private_Dirty') }
}

// The most that a process has held since `peak.begin`, in KiB, shared memory included.
const status = (pid, key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
export const peak = {
  begin(pid) {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
    return status(pid, 'VmRSS')
  },
  most: (pid) => status(pid, 'VmHWM'),
}

// A server's connections, and the bytes that the kernel holds for those who do not read, given up ones included.
export function connections(port) {
  const hex = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((l) => l.trim().split(/\s+/)).filter((f) => f[1] === hex && f[3] !== '0A')
  return { open: rows.filter((f) => f[3] === '01').length, queued: rows.reduce((sum, f) => sum + parseInt(f[4].split(':')[0], 16), 0) }
}

export function machine() {
  return `${cpus()[0].model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}, load ${loadavg().map((l) => l.toFixed(2)).join(' ')}`
}
