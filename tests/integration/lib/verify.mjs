// bellwire verify as a process, and edges for it to be run against.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BIN, EDGE_PASSWORD, SECRET, sleep } from './world.mjs'

// start(edges, ...args, env?) begins it; verify(...) waits for its report, and has its exit code beside. kill() ends those that still run.
export function checker(world) {
  const running = new Set()

  function start(edges, ...args) {
    const env = typeof args.at(-1) === 'object' ? args.pop() : {}
    const child = spawn(BIN, ['verify', '--database', world.url(world.role('service'), EDGE_PASSWORD), '--edge', edges.map((e) => e.url).join(','), ...args],
      { env: { PATH: process.env.PATH, JWT_SECRET: SECRET, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '', ...env } })
    const p = { child, out: '', err: '' }
    running.add(child)
    child.stdout.on('data', (d) => { p.out += d })
    child.stderr.on('data', (d) => { p.err += d })
    p.gone = new Promise((resolve) => child.on('close', (code, signal) => { running.delete(child); resolve(signal ?? code) }))
    return p
  }

  async function verify(edges, ...args) {
    const p = start(edges, '--json', ...args)
    const code = await p.gone
    assert.doesNotMatch(p.err, /Sanitizer|runtime error:/, p.err)
    assert.ok(p.out, `no report: ${code} ${p.err}`)
    return { code, ...JSON.parse(p.out) }
  }

  return { start, verify, kill: () => { for (const child of running) child.kill('SIGKILL') } }
}

// An edge that is started again whenever it was killed, at the same port; its process id is in pidFile. remove() is for after the last test.
export async function mortalEdge(world) {
  const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
  const mortal = { pidFile: join(dir, 'pid'), live: true, deaths: 0, remove: () => { mortal.live = false; rmSync(dir, { recursive: true, force: true }) } }

  // Postgres may be away at that moment, or somebody's connection have the port: then once more.
  async function start(port) {
    const others = new Set(world.edges)
    try {
      return await world.edge({ BELLWIRE_LISTEN: `127.0.0.1:${port}` })
    } catch (e) {
      for (const late of world.edges) if (!others.has(late)) await late.kill()
      if (!port || !mortal.live) throw e
      await sleep(500)
      return start(port)
    }
  }

  async function live(port) {
    const edge = await start(port)
    Object.assign(mortal, { port: edge.port, url: edge.url })
    if (mortal.live) writeFileSync(mortal.pidFile, `${edge.pid}`)
    edge.process.gone.then((how) => {
      if (how !== 'SIGKILL') return
      world.edges.delete(edge)
      mortal.deaths++
      if (mortal.live) live(mortal.port).catch((e) => { if (mortal.live) throw e })
    })
  }

  await live(0)
  return mortal
}
