// Sessions over raw bytes, and the tables whose rows are bytes sent and frames expected.
import assert from 'node:assert/strict'
import { closeFrame, frame, OP, readFrame, request, response, row, text, upgrade } from './lib.mjs'

export const ENGINE = '/engine.io/'
export const SOCKET = '/socket.io/'
export const FIN = Symbol('FIN')
export const RS = '\x1e'

export const wsTarget = (path = ENGINE, query = '') => `${path}?EIO=4&transport=websocket${query}`
export const pollTarget = (path = ENGINE, sid = '', query = '') => `${path}?EIO=4&transport=polling${sid && `&sid=${sid}`}${query}`

export async function handshake101(wire) {
  const r = await response(wire)
  assert.equal(r?.status, 101, r ? `${r.status} ${r.text}` : 'connection ended')
  return r
}

export function openPacket(packet) {
  assert.equal(packet[0], '0', `open packet, not ${packet.slice(0, 50)}`)
  return JSON.parse(packet.slice(1))
}

// A WebSocket session behind its open packet: the wire, with `open` and `sid` on it.
export async function openWebSocket(t, { path = ENGINE, query = '', headers = {} } = {}) {
  const wire = await t.connect()
  wire.write(upgrade(wsTarget(path, query), headers))
  await handshake101(wire)
  wire.open = openPacket(await readFrame(wire, 'open packet'))
  wire.sid = wire.open.sid
  return wire
}

// A Socket.IO socket in a namespace over a WebSocket, behind CONNECT and the `auth` event: `socketId` on the wire.
export async function openSocket(t, { nsp = '/', ...o } = {}) {
  const wire = await openWebSocket(t, { path: SOCKET, ...o })
  wire.socketId = await join(wire, nsp)
  return wire
}

export async function join(wire, nsp = '/', payload = '') {
  const prefix = nsp === '/' ? '' : `${nsp},`
  wire.write(text(`40${prefix}${payload}`))
  const answer = await readFrame(wire, 'CONNECT answer')
  assert.ok(answer.startsWith(`40${prefix}{`), answer)
  assert.equal(await readFrame(wire, 'auth event'), `42${prefix}["auth",${payload || '{}'}]`)
  return JSON.parse(answer.slice(2 + prefix.length)).sid
}

let barriers = 0

// Nothing but what was read has been sent: a ping frame written now is answered by the very next frame.
export async function quietWebSocket(wire, what = 'nothing more') {
  const mark = `barrier ${++barriers}`
  wire.write(frame(OP.ping, mark))
  assert.deepEqual(await readFrame(wire, what), { pong: mark }, what)
}

// Reads what a row expects. A Close that ends it is answered as clients do, then the server has to end the connection with FIN.
export async function expectFrames(wire, expected) {
  for (const [i, e] of expected.entries()) {
    if (e === FIN) return wire.end()
    const got = await readFrame(wire, `frame ${i + 1} of ${expected.length}`)
    if (typeof e === 'function') e(got)
    else if (e instanceof RegExp) assert.match(String(got), e)
    else assert.deepEqual(got, e, `frame ${i + 1}`)
    if (e?.close !== undefined && i === expected.length - 1) {
      wire.write(closeFrame(e.close ?? undefined))
      wire.finish()
      return wire.end()
    }
  }
  return quietWebSocket(wire)
}

/*
 * Rows {rule, name, send, expect}: on a fresh WebSocket (`open` makes it) `send` is written as one piece, or byte by byte; then the frames
 * of `expect` come and no other: it ends with close(..) when the server closes, FIN when the peer did, else the WebSocket lives on.
 */
export function webSocketTable(file, rows, open = openWebSocket) {
  for (const r of rows) {
    row({
      file, ...r,
      async run(t) {
        const wire = await open(t, r.options)
        wire.write(r.send)
        await expectFrames(wire, r.expect)
      },
    })
  }
}

// ---- polling ----

export async function ask(wire, method, target, headers, body) {
  wire.write(request(method, target, headers, body))
  return response(wire, method)
}

// A polling session: `poll` and `push` are connections that are kept, as browsers do.
export async function openPolling(t, { path = ENGINE, query = '' } = {}) {
  const [poll, push] = [await t.connect(), await t.connect()]
  const r = await ask(poll, 'GET', pollTarget(path, '', query))
  assert.equal(r.status, 200, r.text)
  const open = openPacket(r.text)
  const target = pollTarget(path, open.sid)
  return {
    poll, push, open, sid: open.sid, target, path,
    get: () => ask(poll, 'GET', target),
    // A GET that is parked for certain: the server has read it when it has answered a later request of another connection.
    async park(wire = poll) {
      wire.write(request('GET', target))
      await settle(t, wire)
    },
    answer: () => response(poll),
    post: (body, headers = { 'Content-Type': 'text/plain;charset=UTF-8' }) => ask(push, 'POST', target, headers, body),
    wsTarget: `${path}?EIO=4&transport=websocket&sid=${open.sid}`,
  }
}

/*
 * The server has read everything that this wire has sent. Bytes arrive on the server's socket in order, and epoll reports every socket that is
 * readable; a server that reads byte by byte needs a round for each. So other requests are asked until there were as many rounds as bytes.
 */
export async function settle(t, wire) {
  await wire.writes
  const other = await t.connect()
  await ask(other, 'GET', `/settle?${'x'.repeat(t.bytewise ? wire.lastSize : 0)}`)
  await ask(other, 'GET', '/settle')
  other.destroy()
}

// A session in the state its name says: the sid, and what keeps it there.
export const sessions = {
  polling: async (t) => openPolling(t),
  websocket: async (t) => openWebSocket(t),
  async upgraded(t) {
    const s = await openPolling(t)
    s.ws = await probe(t, s)
    s.ws.write(text('5'))
    await quietWebSocket(s.ws)
    return s
  },
  async closed(t) {
    const s = await openPolling(t)
    assert.equal((await s.post('1')).text, 'ok')
    return s
  },
}

// A second transport for a polling session, up to the answered probe.
export async function probe(t, session) {
  const ws = await t.connect()
  ws.write(upgrade(session.wsTarget))
  await handshake101(ws)
  ws.write(text('2probe'))
  assert.equal(await readFrame(ws), '3probe')
  return ws
}

export function assertError(r, code, message = ERRORS[code]) {
  assert.equal(r?.status, code === 4 ? 403 : 400, r?.text)
  assert.equal(r.headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(r.text), { code, message })
}

export const ERRORS = ['Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden', 'Unsupported protocol version']

// The session is gone; every later request with its sid says so.
export async function assertGone(t, session) {
  const other = await t.connect()
  assertError(await ask(other, 'GET', pollTarget(session.path ?? ENGINE, session.sid)), 1)
}

// A polling session works: a message comes back by its own connections.
export async function assertAlive(session) {
  assert.equal((await session.post('4alive')).text, 'ok')
  assert.equal((await session.get()).text, '4alive')
}
