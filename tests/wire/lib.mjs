// The tools of the wire tests: the echo server, raw TCP connections, HTTP answers and WebSocket frames read from bytes, a runner.
import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WAIT_MS = 8000

// ---- servers ----

const servers = new Map()
let shim = null

// onebyte.c, built where nothing else is.
function buildShim() {
  const dir = mkdtempSync(join(tmpdir(), 'wire-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const out = join(dir, 'onebyte.so')
  execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O2', '-o', out, fileURLToPath(new URL('onebyte.c', import.meta.url)), '-ldl'], { stdio: 'inherit' })
  return out
}

// One server per set of options, started when first asked for; bytewise: it reads every byte by itself.
export function serve(args, bytewise) {
  const key = [bytewise, ...args].join(' ')
  if (!servers.has(key)) servers.set(key, start(args, bytewise))
  return servers.get(key)
}

function start(args, bytewise) {
  const env = { ...process.env }
  if (bytewise) {
    env.LD_PRELOAD = shim ??= buildShim()
    env.ASAN_OPTIONS = [env.ASAN_OPTIONS, 'verify_asan_link_order=0'].filter(Boolean).join(':')
  }
  const child = spawn(process.env.ECHO_BIN, ['--port', '0', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const server = { args, bytewise, child, stderr: '' }
  child.stderr.on('data', (d) => { server.stderr += d })
  server.gone = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)))
  return new Promise((resolve, reject) => {
    let out = ''
    child.on('error', reject)
    server.gone.then((how) => reject(new Error(`echo-server ended: ${how}\n${server.stderr}`)))
    child.stdout.on('data', (d) => {
      out += d
      const m = /listening port=(\d+)/.exec(out)
      if (m) resolve(Object.assign(server, { port: Number(m[1]) }))
    })
  })
}

function verdict(server, how) {
  if (how !== 0 || /Sanitizer|runtime error/.test(server.stderr)) return `exit ${how}\n${server.stderr.slice(-6000)}`
  if (server.bytewise && !/onebyte: [1-9]/.test(server.stderr)) return 'reads were not cut: the preloaded recv() was never called'
  return null
}

// Stops every server. error is null for one that ended as it should.
export async function stopServers() {
  const found = []
  for (const starting of servers.values()) {
    const server = await starting.catch(() => null)
    if (!server) continue
    server.child.kill('SIGTERM')
    const late = setTimeout(() => server.child.kill('SIGKILL'), WAIT_MS)
    const how = await server.gone
    clearTimeout(late)
    const wrong = verdict(server, how)
    found.push({ name: `the end of the server ${server.args.join(' ')}${server.bytewise ? ' (byte by byte)' : ''}`, error: wrong && new Error(wrong) })
  }
  servers.clear()
  return found
}

export const killServers = () => { for (const s of servers.values()) s.then((x) => x.child.kill('SIGKILL'), () => {}) }

// ---- a TCP connection ----

export const bytes = (...parts) => Buffer.concat(parts.flat(Infinity).map((p) => (typeof p === 'number' ? Buffer.from([p]) : Buffer.from(p))))

export class Wire {
  constructor(socket) {
    Object.assign(this, { socket, in: Buffer.alloc(0), ended: null, waiter: null, writes: Promise.resolve() })
    socket.on('data', (d) => { this.in = Buffer.concat([this.in, d]); this.#wake() })
    socket.on('end', () => this.#end('FIN'))
    socket.on('error', (e) => { if (e.code === 'ECONNRESET') this.#end('RST'); else if (e.code !== 'EPIPE') this.#end(e.code) })
    socket.on('close', () => this.#end('closed'))
  }

  static async connect(port) {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Wire(socket)
  }

  #end(how) { this.ended ??= how; this.#wake() }
  #wake() { this.waiter?.() }

  // Waits until look() gives something; null when the connection ended before that.
  async wait(look, what = 'bytes', ms = WAIT_MS) {
    const deadline = performance.now() + ms
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (this.ended) return null
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`timeout waiting for ${what}; have ${JSON.stringify(this.in.subarray(0, 200).toString('latin1'))}`)
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left + 1)
        this.waiter = () => { clearTimeout(timer); resolve() }
      })
      this.waiter = null
    }
  }

  take(n) {
    const out = this.in.subarray(0, n)
    this.in = this.in.subarray(n)
    return out
  }

  // In one piece.
  write(data) {
    const all = bytes(data)
    this.lastSize = all.length
    return (this.writes = this.writes.then(() => new Promise((resolve) => {
      if (this.socket.writable && all.length) this.socket.write(all, () => resolve())
      else resolve()
    })))
  }

  // These are done when the kernel has sent the FIN or the RST.
  finish() {
    return (this.writes = this.writes.then(() => new Promise((resolve) => {
      if (this.socket.writable) this.socket.end(resolve)
      else resolve()
    })))
  }

  reset() {
    return (this.writes = this.writes.then(() => new Promise((resolve) => { this.socket.once('close', resolve).resetAndDestroy() })))
  }

  destroy() { this.socket.destroy() }

  // The server's end of the connection, and that nothing came before it.
  async end(how = 'FIN', ms) {
    await this.wait(() => (this.in.length ? true : undefined), 'end of the connection', ms)
    assert.equal(this.in.toString('latin1'), '', 'nothing before the end')
    assert.equal(this.ended, how)
  }
}

// ---- HTTP ----

export const crlf = (...lines) => lines.map((l) => `${l}\r\n`).join('')

// A request with Host (unless given) and Content-Length (when there is a body).
export function request(method, target, headers = {}, body = null) {
  const all = { Host: 'x', ...headers }
  if (body !== null && all['Content-Length'] === undefined && all['Transfer-Encoding'] === undefined) all['Content-Length'] = bytes(body).length
  const lines = Object.entries(all).filter(([, v]) => v !== null).flatMap(([k, v]) => [v].flat().map((one) => `${k}: ${one}`))
  return bytes(crlf(`${method} ${target} HTTP/1.1`, ...lines, ''), body ?? '')
}

function parseHead(text) {
  const [first, ...lines] = text.split('\r\n')
  const m = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(first)
  assert.ok(m, `status line ${JSON.stringify(first)}`)
  const headers = {}
  for (const line of lines) {
    const h = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): (.*)$/.exec(line)
    assert.ok(h, `header line ${JSON.stringify(line)}`)
    const name = h[1].toLowerCase()
    assert.ok(!(name in headers) || name === 'set-cookie', `header ${name} twice`)
    headers[name] = h[2]
  }
  return { status: Number(m[1]), reason: m[2], headers, lines }
}

// One answer; null when the connection ended first. `to` is the method it answers.
export async function response(wire, to = 'GET') {
  const at = await wire.wait(() => { const i = wire.in.indexOf('\r\n\r\n'); return i < 0 ? undefined : i }, 'an HTTP answer')
  if (at === null) { assert.equal(wire.in.length, 0, 'half an answer'); return null }
  const r = parseHead(wire.take(at + 4).subarray(0, at).toString('latin1'))
  const { 'content-length': length, 'transfer-encoding': coding } = r.headers
  const none = to === 'HEAD' || r.status < 200 || r.status === 204 || r.status === 304
  assert.equal(coding, undefined, 'answers have a Content-Length')
  if (r.status < 200) assert.equal(length, undefined, 'no Content-Length with this status')
  else assert.match(length ?? '', /^\d+$/, 'a Content-Length')
  const n = none ? 0 : Number(length)
  assert.notEqual(await wire.wait(() => (wire.in.length >= n ? true : undefined), 'a body'), null, 'body cut off')
  r.body = Buffer.from(wire.take(n))
  r.text = r.body.toString()
  return r
}

// ---- WebSocket ----

export const OP = { cont: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

// A frame as clients send it. o: fin, rsv (0-7), mask (false, or 4 bytes), form (7, 16, 64: bits of the length), claim (length told)
export function frame(op, payload = '', o = {}) {
  const data = Buffer.from(payload)
  const n = BigInt(o.claim ?? data.length)
  const form = o.form ?? (n < 126n ? 7 : n < 65536n ? 16 : 64)
  const head = Buffer.alloc(2 + (form === 16 ? 2 : form === 64 ? 8 : 0))
  head[0] = (o.fin === false ? 0 : 0x80) | ((o.rsv ?? 0) << 4) | op
  head[1] = (o.mask === false ? 0 : 0x80) | (form === 7 ? Number(n) : form === 16 ? 126 : 127)
  if (form === 16) head.writeUInt16BE(Number(n), 2)
  if (form === 64) head.writeBigUInt64BE(n, 2)
  if (o.mask === false) return bytes(head, data)
  const mask = o.mask ? Buffer.from(o.mask) : randomBytes(4)
  for (let i = 0; i < data.length; i++) data[i] ^= mask[i & 3]
  return bytes(head, mask, data)
}

export const text = (s, o) => frame(OP.text, s, o)
export const binary = (b, o) => frame(OP.binary, b, o)
export const closeFrame = (code, reason = '', o) => frame(OP.close, code === undefined ? '' : bytes(code >> 8, code & 255, reason), o)

// The expected answer, as the tables write it: a string (text), a Buffer (binary), or one of these.
export const close = (code = null, reason = '') => ({ close: code, reason })
export const pong = (payload = '') => ({ pong: payload })

// The next frame; null when the connection ended. The server masks nothing, fragments nothing, uses the shortest length.
export async function readFrame(wire, what = 'a frame') {
  const size = await wire.wait(() => {
    const b = wire.in
    if (b.length < 2) return undefined
    const ext = b[1] === 127 ? 8 : b[1] === 126 ? 2 : 0
    if (b.length < 2 + ext) return undefined
    const n = ext === 8 ? Number(b.readBigUInt64BE(2)) : ext === 2 ? b.readUInt16BE(2) : b[1] & 127
    return b.length < 2 + ext + n ? undefined : { head: 2 + ext, n, first: b[0], second: b[1] }
  }, what)
  if (size === null) { assert.equal(wire.in.length, 0, 'half a frame'); return null }
  const { head, n, first, second } = size
  assert.equal(first & 0xf0, 0x80, 'whole, no reserved bits')
  assert.equal(second & 0x80, 0, 'not masked')
  assert.equal(head, n < 126 ? 2 : n < 65536 ? 4 : 10, 'shortest length')
  const data = Buffer.from(wire.take(head + n).subarray(head))
  switch (first & 15) {
    case OP.text: return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
    case OP.binary: return data
    case OP.ping: return { ping: data.toString('latin1') }
    case OP.pong: return { pong: data.toString('latin1') }
    case OP.close: return n === 0 ? close() : close(data.readUInt16BE(0), data.subarray(2).toString())
    default: throw new Error(`opcode ${first & 15}`)
  }
}

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const acceptOf = (key) => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

export function upgrade(target, headers = {}) {
  return request('GET', target, { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': '13', ...headers })
}

// ---- runner ----

export const tests = [] // every row, in the order of the files; tests/checks/rules reads names and rules

/*
 * row({rule, name, run}): run(t) gets {bytewise, connect(), server()}. Every row runs twice, the second time with a server that reads byte
 * by byte; `once` keeps it to one run (rows about time). `args` are options of the server. `rule` may name several: 'W1 W3'.
 */
export function row(r) { tests.push({ args: [], ...r }) }

function context(r, bytewise) {
  const open = []
  return {
    bytewise, open, server: () => serve(r.args, bytewise),
    async connect() {
      const wire = await Wire.connect((await serve(r.args, bytewise)).port)
      open.push(wire)
      return wire
    },
  }
}

async function runOne(r, bytewise) {
  const t = context(r, bytewise)
  try {
    await r.run(t)
    return null
  } catch (e) {
    return e
  } finally {
    for (const w of t.open) w.destroy()
  }
}

// Runs all rows, `width` at a time, then those that measure time (`quiet`), then those that keep the machine busy (`heavy`). only: part of rule or name.
export async function runAll({ width = 48, only = '', log = () => {} } = {}) {
  const chosen = tests.filter((r) => `${r.file ?? ''} ${r.rule} ${r.name}`.includes(only))
  const jobs = chosen.flatMap((r) => (r.once ? [[r, false]] : [[r, false], [r, true]]))
  const results = []
  const drain = async (queue, n) => {
    await Promise.all(Array.from({ length: n }, async () => {
      for (let job; (job = queue.shift());) {
        const [r, bytewise] = job
        const error = await runOne(r, bytewise)
        results.push({ rule: r.rule, name: `${r.rule}: ${r.name}${bytewise ? ' (byte by byte)' : ''}`, error })
        log(results.at(-1))
      }
    }))
  }
  await drain(jobs.filter(([r]) => !r.quiet && !r.heavy), width)
  await drain(jobs.filter(([r]) => r.quiet), 16)
  await drain(jobs.filter(([r]) => r.heavy), 4)
  return results
}
