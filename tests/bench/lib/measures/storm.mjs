// Everybody comes, goes, or is told something large, at once.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { BIG } from '../people.mjs'
import { peak } from '../proc.mjs'
import { usersFile } from '../world.mjs'

// The longest wait for an answer that needs nothing, while something is done.
async function watched(run, done) {
  let over = false
  const ended = done.finally(() => { over = true })
  let longest = 0
  while (!over) {
    const began = performance.now()
    await (await fetch(`http://127.0.0.1:${run.admin}/livez`)).text()
    longest = Math.max(longest, performance.now() - began)
    await sleep(5)
  }
  return [await ended, longest]
}

const longestTurn = async (run) => {
  const text = await (await fetch(`http://127.0.0.1:${run.admin}/metrics`)).text()
  return Number(/^bellwire_loop_longest_turn_seconds (.*)$/m.exec(text)[1]) * 1e3
}

// Those of crowd.mjs: { connected, done, refused, lost, unread }.
async function crowd(run, ...args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../crowd.mjs', import.meta.url)), ...[run.port, usersFile, ...args].map(String)],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (d) => { text += d })
  await once(child, 'close')
  return JSON.parse(text)
}

// What is asked of clients that come back.
async function storm({ run, times }) {
  const [{ connected, done, refused, lost, unread }, longest] = await watched(run, crowd(run, BIG, times(3000)))
  return { storm: [connected[Math.floor(connected.length / 2)] / 1e3, connected.at(-1) / 1e3, done.at(-1) / 1e3, refused, await longestTurn(run), longest, lost, unread] }
}

// All of them go in one moment, and then one comes.
async function leave({ run, times }) {
  await run.connect(BIG, times(5000))
  await run.leave()
  const { connected } = await crowd(run, BIG + times(5000), 1)
  return { leave: [connected[0]] }
}

const told = (n, bytes) => async ({ run, times }) => {
  const name = `told${n}`
  await run.connect(BIG, times(n))
  const before = peak.begin(run.pid)
  const emit = `select rt.emit(null, 'bench:event', jsonb_build_object('text', repeat('x', ${bytes})))`
  const [, longest] = await watched(run, run.load(`emit 1 ${times(n)} ${emit}`))
  const { dead } = await run.load('settle 1000')
  return { [name]: [dead, await longestTurn(run), longest, (peak.most(run.pid) - before) / 1024] }
}
const columns = (title) => [[`${title}: cut`, 0], ['longest turn, ms', 0], ['longest wait of somebody else, ms', 0], ['memory, MiB', 1]]

const only = { servers: ['bellwire'], rounds: 1 }
export const storms = [
  { measures: { storm: [['3000 come at once and read: `connected` p50, s', 2], ['the last, s', 2], ['the last has read all, s', 2],
    ['reads refused, tried again', 0], ['longest turn, ms', 0], ['longest wait of somebody else, ms', 0], ['never in', 0], ['have not read all after a minute', 0]] },
  take: storm, servers: ['bellwire'] },
  { measures: { leave: [['5000 go at once, then one comes: ms to `connected`', 0]] }, take: leave, ...only },
  { measures: { told3000: columns('3000 are told 255 KiB at once') }, take: told(3000, 255 * 1024), ...only },
  { measures: { told9000: columns('9000 are told 128 KiB at once') }, take: told(9000, 128 * 1024), ...only },
]
