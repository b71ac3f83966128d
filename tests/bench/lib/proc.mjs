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

// The same to the nanosecond, of a process of one thread.
export const cpuExact = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9

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

// The same with all children, those that have ended included.
export function cpuTree(pid) {
  const f = stat(pid)
  let sum = cpu(pid) + (Number(f[13]) + Number(f[14])) / TICKS
  for (const p of readdirSync('/proc')) {
    if (!/^\d+$/.test(p)) continue
    try {
      if (Number(stat(p)[1]) === pid) sum += cpu(p)
    } catch { /* it has ended */ }
  }
  return sum
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
