// Everybody comes at once and reads what was missed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { BIG } from '../people.mjs'
import { usersFile } from '../world.mjs'

// What the contract asks of clients that come back. The turn is seen from outside: the longest wait for an answer that needs nothing.
async function storm({ run, times }) {
  const n = times(3000)
  const admin = / admin_port=(\d+)/.exec(run.log())[1]
  const crowd = spawn(process.execPath, [fileURLToPath(new URL('../crowd.mjs', import.meta.url)), ...[run.port, usersFile, BIG, n].map(String)],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  let over = false
  crowd.stdout.on('data', (d) => { text += d })
  const ended = once(crowd, 'close').then(() => { over = true })
  let longest = 0
  while (!over) {
    const began = performance.now()
    await (await fetch(`http://127.0.0.1:${admin}/livez`)).text()
    longest = Math.max(longest, performance.now() - began)
    await sleep(5)
  }
  await ended
  const { connected, done, refused, lost, unread } = JSON.parse(text)
  return { storm: [connected[Math.floor(connected.length / 2)] / 1e3, connected.at(-1) / 1e3, done.at(-1) / 1e3, refused, longest, lost, unread] }
}

export const storms = [
  { measures: { storm: [['3000 come at once and read: `connected` p50, s', 2], ['the last, s', 2], ['the last has read all, s', 2],
    ['reads refused, tried again', 0], ['longest turn, ms', 0], ['never in', 0], ['have not read all after a minute', 0]] },
  take: storm, servers: ['bellwire'] },
]
