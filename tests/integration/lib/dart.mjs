// A model of socket_io_client for Dart over raw TCP: the request head as dart:io writes it, its packet decoder, and what it makes of arguments
// (docs/wire.md D1, D3, D4, D6, D7, D10, D12).
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import net from 'node:net'
import { token as tokenOf, until } from './world.mjs'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

// dart:io compares whole header values of the answer.
function checkAnswer(head, key) {
  const lines = head.split('\r\n')
  assert.equal(lines[0], 'HTTP/1.1 101 Switching Protocols')
  const headers = new Map(lines.slice(1).map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]))
  assert.equal(headers.get('connection').toLowerCase(), 'upgrade')
  assert.equal(headers.get('upgrade').toLowerCase(), 'websocket')
  assert.equal(headers.get('sec-websocket-accept'), createHash('sha1').update(key + GUID).digest('base64'))
  assert.equal(headers.get('sec-websocket-extensions'), undefined)
}

const isMap = (x) => Object.prototype.toString.call(x) === '[object Object]'

// One value or List, as handlers and ack callbacks get them; undefined: the callback is called with nothing.
const collapse = (args) => (args.length === 0 ? undefined : args.length === 1 ? args[0] : args)

export class Dart {
  // options: auth (merged into CONNECT's payload, null: bare 40), query, pong (false: never answers a ping), recovery: {pid, offset}
  constructor(edge, { auth, query = '/socket.io/?EIO=4&transport=websocket', pong = true, contentLength = false } = {}) {
    Object.assign(this, { edge, auth, query, pong, contentLength })
    this.events = [] // {event, data}: data as handlers get it
    this.acks = new Map()
    this.ackId = 0
    this.pings = 0
    this.frames = []
    this.ended = null
  }

  static async up(edge, user, options = {}) {
    const d = new Dart(edge, { auth: { token: tokenOf(user) }, ...options })
    d.user = user
    await d.open()
    await d.hear('sync:required')
    return d
  }

  open() {
    const key = randomBytes(16).toString('base64')
    let head = null
    this.buffer = Buffer.alloc(0)
    this.tcp = net.connect(this.edge.port, '127.0.0.1')
    this.tcp.setNoDelay(true)
    this.tcp.on('error', (e) => { this.error = e })
    this.tcp.on('close', () => { this.ended ??= 'closed' })
    // lower case names, in the order of dart:io
    this.tcp.write([`GET ${this.query} HTTP/1.1`, 'user-agent: Dart/3.5 (dart:io)', 'connection: Upgrade', 'cache-control: no-cache', 'accept-encoding: gzip',
      ...(this.contentLength ? ['content-length: 0'] : []), 'sec-websocket-version: 13', `host: 127.0.0.1:${this.edge.port}`,
      'sec-websocket-extensions: permessage-deflate; client_max_window_bits', `sec-websocket-key: ${key}`, 'upgrade: websocket', '', ''].join('\r\n'))
    return new Promise((resolve, reject) => {
      this.tcp.on('close', () => reject(new Error(`closed; ${head ?? this.buffer}`)))
      this.tcp.on('data', (d) => {
        this.buffer = Buffer.concat([this.buffer, d])
        try {
          if (head === null) {
            const end = this.buffer.indexOf('\r\n\r\n')
            if (end < 0) return
            head = this.buffer.toString('latin1', 0, end)
            this.buffer = this.buffer.subarray(end + 4)
            checkAnswer(head, key)
          }
          this.onBytes(resolve)
        } catch (e) {
          this.parseError = e // "parse error" closes the client (D10)
          this.tcp.destroy()
          reject(e)
        }
      })
    })
  }

  onBytes(opened) {
    for (;;) {
      if (this.buffer.length < 2) return
      let [n, at] = [this.buffer[1] & 127, 2]
      if (n === 126) {
        if (this.buffer.length < 4) return
        n = this.buffer.readUInt16BE(2)
        at = 4
      } else if (n === 127) {
        if (this.buffer.length < 10) return
        n = Number(this.buffer.readBigUInt64BE(2))
        at = 10
      }
      if (this.buffer.length < at + n) return
      const [first, body] = [this.buffer[0], this.buffer.subarray(at, at + n)]
      this.buffer = this.buffer.subarray(at + n)
      assert.ok([0x81, 0x88, 0x89].includes(first), `frame ${first.toString(16)}: whole text frames only`)
      if (first === 0x88) {
        this.closeCode = body.length ? body.readUInt16BE(0) : null
        this.write(0x88, body.subarray(0, 2))
        this.tcp.end()
      } else if (first === 0x89) {
        if (this.pong) this.write(0x8a, body)
      } else {
        this.onPacket(new TextDecoder('utf-8', { fatal: true }).decode(body), opened)
      }
    }
  }

  // Engine.IO, then the decoder of Socket.IO.
  onPacket(text, opened) {
    this.frames.push(text)
    if (text[0] === '0') {
      const hello = JSON.parse(text.slice(1))
      for (const k of ['pingInterval', 'pingTimeout', 'maxPayload']) assert.ok(Number.isInteger(hello[k]), k)
      assert.ok(Array.isArray(hello.upgrades))
      assert.equal(typeof hello.sid, 'string')
      this.hello = hello
      this.sendText(`40${this.auth === null ? '' : JSON.stringify(this.auth ?? {})}`)
      opened()
    } else if (text[0] === '2') {
      this.pings++
      if (this.pong) this.sendText(`3${text.slice(1)}`)
    } else {
      assert.equal(text[0], '4', text)
      this.onSocket(text.slice(1))
    }
  }

  onSocket(text) {
    assert.match(text, /^[0123]/, `${text}: CONNECT, DISCONNECT, EVENT, ACK`)
    const m = /^(\d)(\d*)(.*)$/s.exec(text)
    const [type, id] = [m[1], m[2]]
    const data = m[3] === '' ? undefined : JSON.parse(m[3])
    if (type === '0') {
      assert.ok(isMap(data), 'the CONNECT reply carries a Map')
      assert.equal(typeof data.sid, 'string')
      this.id = data.sid
      this.connectReply = data
    } else if (type === '1') {
      this.ended = 'io server disconnect'
      this.tcp.end() // the Dart client closes the WebSocket itself (D7)
    } else if (type === '2') {
      this.onEvent(data, id)
    } else {
      assert.ok(Array.isArray(data), 'an ACK has an array')
      this.acks.get(Number(id))(collapse(data))
      this.acks.delete(Number(id))
    }
  }

  onEvent(data, id) {
    assert.equal(typeof data[0], 'string')
    // an ack id counts as one more value (D3)
    this.events.push({ event: data[0], data: collapse([...data.slice(1), ...(id === '' ? [] : ['ack'])]) ?? null })
  }

  onlyMaps() {
    for (const { event, data } of this.events) assert.ok(isMap(data), `${event}: handlers are given ${JSON.stringify(data)}`)
    assert.equal(this.parseError, undefined)
  }

  // emit(name, data): a Map is one argument, a List is spread, null or nothing none (D5).
  emit(event, data, id = '') {
    const args = data === undefined || data === null ? [] : Array.isArray(data) ? data : [data]
    this.sendText(`42${id}${JSON.stringify([event, ...args])}`)
  }

  async ask(event, data) {
    const id = this.ackId++
    let answer
    this.acks.set(id, (value) => { answer = { value } })
    this.emit(event, data, id)
    await until(() => answer, `the ack of ${event}`)
    return answer.value
  }

  heard(event, match = {}) {
    return this.events.filter((e) => e.event === event && Object.entries(match).every(([k, v]) => e.data?.[k] === v)).map((e) => e.data)
  }

  async hear(event, match, nth = 1) {
    await until(() => this.heard(event, match).length >= nth || this.parseError, () => `${event}; heard ${JSON.stringify(this.events)}`)
    if (this.parseError) throw this.parseError
    return this.heard(event, match)[nth - 1]
  }

  sendText(text) { this.write(0x81, Buffer.from(text)) }

  write(first, body) {
    const mask = randomBytes(4)
    const n = body.length
    const head = n < 126 ? Buffer.from([first, 0x80 | n]) : n < 65536 ? Buffer.from([first, 0xfe, n >> 8, n & 255])
      : Buffer.concat([Buffer.from([first, 0xff]), (() => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b })()])
    this.tcp.write(Buffer.concat([head, mask, body.map((x, i) => x ^ mask[i & 3])]))
  }

  down() { return until(() => this.ended, 'the end of the connection') }

  close() {
    this.ended ??= 'client'
    if (!this.tcp?.destroyed && this.tcp?.writable) this.sendText('41')
    this.tcp?.destroy()
  }
}
