// An example file of docs/deployment, changed where a test machine differs, and the program that it belongs to, running.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../../integration/lib/wait.mjs'

export const path = (p) => fileURLToPath(new URL(`../../../${p}`, import.meta.url))
export const tool = (name) => execFileSync(path('tests/env/tools'), [name], { encoding: 'utf8' }).trim()

// The example, with each of the pairs [from, to] replaced; a pair that is not in it is a mistake of the test.
export function example(name, ...changes) {
  let text = readFileSync(path(`docs/deployment/${name}`), 'utf8')
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `${name} has ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

export const freePort = () => new Promise((resolve) => {
  const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) })
})

// Who starts as root gives its files to nobody: the servers drop what they have.
export function directory() {
  const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export function certificate(dir) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', join(dir, 'key'), '-out', join(dir, 'crt')], { stdio: 'ignore' })
  writeFileSync(join(dir, 'pem'), readFileSync(join(dir, 'crt'), 'utf8') + readFileSync(join(dir, 'key'), 'utf8'))
  return readFileSync(join(dir, 'crt'), 'utf8')
}

// Runs until the file's tests are over; port: it accepts connections there when it is up.
export async function running(program, args, port, options = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const p = { child, log: '' }
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => { p.log += d })
  p.gone = new Promise((resolve) => child.on('close', resolve))
  let ended = false
  p.gone.then(() => { ended = true })
  p.stop = async () => { if (!ended) child.kill('SIGTERM'); const late = setTimeout(() => child.kill('SIGKILL'), 5000); await p.gone; clearTimeout(late) }
  after(p.stop)
  const { connect } = await import('node:net')
  const open = () => new Promise((resolve) => { const s = connect(port, '127.0.0.1'); s.on('connect', () => { s.destroy(); resolve(true) }); s.on('error', () => resolve(false)) })
  await until(async () => ended || open(), () => `${program} listens\n${p.log}`)
  assert.ok(!ended, `${program} ended\n${p.log}`)
  return p
}
