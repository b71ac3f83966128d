// Sessions over raw bytes, and the tables whose rows are bytes sent and frames expected.
import assert from 'node:assert/strict'
import { bytes, close, closeFrame, frame, OP, readFrame, request, response, row, text, upgrade } from './lib.mjs'

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

export { close, bytes, request, response, text }
