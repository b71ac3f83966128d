// W of docs/wire.md, WebSocket: handshake, frames, violations, closing.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { acceptOf, binary, bytes, close, closeFrame, frame, KEY, OP, pong, readFrame, request, response, row, text, upgrade } from './lib.mjs'
import { ENGINE, expectFrames, FIN, handshake101, openPacket, openSocket, openWebSocket, quietWebSocket, SOCKET, webSocketTable, wsTarget } from './clients.mjs'

const file = 'websocket'
const small = ['--max-payload', '200']
const table = (rows) => webSocketTable(file, rows)
const cont = (data, o) => frame(OP.cont, data, o)
const part = (op, data, o) => frame(op, data, { fin: false, ...o })

// ---- W1-W4: the handshake ----

const fine = [
  ['the plain request', {}],
  ['Upgrade in capitals', { Upgrade: 'WebSocket' }],
  ['Connection: keep-alive, Upgrade', { Connection: 'keep-alive, Upgrade' }],
  ['Connection: upgrade in lower case', { Connection: 'upgrade' }],
  ['Connection in two lines', { Connection: ['keep-alive', 'Upgrade'] }],
  ['another key', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' }],
  ['with an Origin', { Origin: 'http://elsewhere.example' }],
  ['with a long cookie', { Cookie: `a=${'x'.repeat(3000)}` }],
]
for (const [name, headers] of fine) {
  row({
    file, rule: 'W1', name,
    async run(t) {
      const wire = await t.connect()
      wire.write(upgrade(wsTarget(), headers))
      const r = await handshake101(wire)
      assert.deepEqual(r.lines, ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptOf(headers['Sec-WebSocket-Key'] ?? KEY)}`])
      assert.equal(r.reason, 'Switching Protocols')
      openPacket(await readFrame(wire))
      await quietWebSocket(wire)
    },
  })
}

row({
  file, rule: 'W1', name: 'header names in lower case',
  async run(t) {
    const wire = await t.connect()
    wire.write(upgrade(wsTarget()).toString().replace(/^[\w-]+:/gm, (n) => n.toLowerCase()))
    await handshake101(wire)
    openPacket(await readFrame(wire))
  },
})

const key = (v) => ({ 'Sec-WebSocket-Key': v })
const version = (v) => ({ 'Sec-WebSocket-Version': v })
const refused = [
  ['no key', key(null)],
  ['an empty key', key('')],
  ['a key of 15 bytes', key('AAAAAAAAAAAAAAAAAAAA')],
  ['a key of 17 bytes', key('AAAAAAAAAAAAAAAAAAAAAAA=')],
  ['a key that is not base64', key('!!!!!!!!!!!!!!!!!!!!!!==')],
  ['no version', version(null)],
  ['version 12', version('12'), true],
  ['version 8', version('8'), true],
  ['version 130', version('130'), true],
]
for (const [name, headers, tells] of refused) {
  row({
    file, rule: 'W2', name,
    async run(t) {
      const wire = await t.connect()
      wire.write(upgrade(wsTarget(), headers))
      const r = await response(wire)
      assert.equal(r.status, 400)
      assert.equal(r.headers.connection, 'close')
      if (tells) assert.equal(r.headers['sec-websocket-version'], '13')
      await wire.end()
    },
  })
}

row({
  file, rule: 'W2', name: 'Upgrade: something else is no WebSocket',
  async run(t) {
    const wire = await t.connect()
    wire.write(upgrade(wsTarget(), { Upgrade: 'h2c' }))
    assert.equal((await response(wire)).status, 400)
  },
})
row({
  file, rule: 'W2', name: 'upgrade by POST',
  async run(t) {
    const wire = await t.connect()
    const headers = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': '13', 'Content-Length': '0' }
    wire.write(request('POST', wsTarget(), headers))
    const r = await response(wire, 'POST')
    assert.equal(r.status, 400)
    assert.equal(r.text, 'Bad handshake method')
    await wire.end()
  },
})

for (const [offer, answer] of [['chat', 'chat'], ['one, two', 'one'], ['a-b.c ,d', 'a-b.c'], [null, undefined]]) {
  row({
    file, rule: 'W3', name: `subprotocol ${offer}`,
    async run(t) {
      const wire = await t.connect()
      wire.write(upgrade(wsTarget(), { 'Sec-WebSocket-Protocol': offer }))
      assert.equal((await handshake101(wire)).headers['sec-websocket-protocol'], answer)
    },
  })
}

for (const offer of ['permessage-deflate', 'permessage-deflate; client_max_window_bits', 'permessage-deflate; server_no_context_takeover, x-webkit-deflate-frame']) {
  row({
    file, rule: 'W4', name: `no extension for ${offer}`,
    async run(t) {
      const wire = await t.connect()
      wire.write(upgrade(wsTarget(), { 'Sec-WebSocket-Extensions': offer }))
      assert.equal((await handshake101(wire)).headers['sec-websocket-extensions'], undefined)
      openPacket(await readFrame(wire))
      wire.write(text('4compressed', { rsv: 4 }))
      await expectFrames(wire, [close(1002)])
    },
  })
}

// ---- W5: early data ----

row({
  file, rule: 'W5', name: 'frames behind the request head',
  async run(t) {
    const wire = await t.connect()
    wire.write([upgrade(wsTarget()), text('4early'), binary('bird')])
    await handshake101(wire)
    openPacket(await readFrame(wire))
    await expectFrames(wire, ['4early', Buffer.from('bird')])
  },
})
row({
  file, rule: 'W5 N1', name: 'CONNECT behind the request head',
  async run(t) {
    const wire = await t.connect()
    wire.write([upgrade(wsTarget(SOCKET)), text('40'), text('42["message",1]')])
    await handshake101(wire)
    openPacket(await readFrame(wire))
    await expectFrames(wire, [/^40\{"sid":/, '42["auth",{}]', '42["message-back",1]'])
  },
})
row({
  file, rule: 'W5', name: 'a violation behind the request head',
  async run(t) {
    const wire = await t.connect()
    wire.write([upgrade(wsTarget()), text('4x', { mask: false })])
    await handshake101(wire)
    openPacket(await readFrame(wire))
    await expectFrames(wire, [close(1002)])
  },
})
row({
  file, rule: 'W5', name: 'a frame of which half comes with the head',
  async run(t) {
    const wire = await t.connect()
    const f = text('4half and half')
    wire.write([upgrade(wsTarget()), f.subarray(0, 9)])
    await handshake101(wire)
    openPacket(await readFrame(wire))
    wire.write(f.subarray(9))
    await expectFrames(wire, ['4half and half'])
  },
})

// ---- W6: frames ----

const s = (n, c = 'x') => c.repeat(n)
const euro = Buffer.from('4€')
table([
  { rule: 'W6', name: 'a text message', send: [text('4hello')], expect: ['4hello'] },
  { rule: 'W6', name: 'a binary message', send: [binary([0, 1, 255])], expect: [Buffer.from([0, 1, 255])] },
  { rule: 'W6', name: 'an empty binary message', send: [binary('')], expect: [Buffer.alloc(0)] },
  { rule: 'W6', name: 'an empty binary message in fragments', send: [part(OP.binary, ''), cont('', { fin: false }), cont('')], expect: [Buffer.alloc(0)] },
  { rule: 'W6', name: 'an empty message packet', send: [text('4')], expect: ['4'] },
  { rule: 'W6', name: 'the mask 00000000', send: [text('4plain', { mask: [0, 0, 0, 0] })], expect: ['4plain'] },
  { rule: 'W6', name: 'the mask ffffffff', send: [text('4inverse', { mask: [255, 255, 255, 255] })], expect: ['4inverse'] },
  ...[123, 124, 125, 126, 127, 65534, 65535, 65536, 70000].map((n) => (
    { rule: 'W6', name: `a text of ${n} bytes`, send: [text(`4${s(n - 1)}`)], expect: [`4${s(n - 1)}`] })),
  ...[125, 126, 4095, 4096, 4097, 65535, 65536, 300000].map((n) => {
    const data = randomBytes(n)
    return { rule: 'W6', name: `a binary of ${n} bytes`, send: [binary(data)], expect: [data] }
  }),
  { rule: 'W6', name: 'two messages in one write', send: [text('4a'), text('4b')], expect: ['4a', '4b'] },
  { rule: 'W6', name: 'fifty messages in one write', send: Array.from({ length: 50 }, (_, i) => text(`4${i}`)), expect: Array.from({ length: 50 }, (_, i) => `4${i}`) },
  { rule: 'W6', name: 'two fragments', send: [part(OP.text, '4ab'), cont('cd')], expect: ['4abcd'] },
  { rule: 'W6', name: 'five fragments, some empty', send: [part(OP.text, ''), cont('4a', { fin: false }), cont('', { fin: false }), cont('b', { fin: false }), cont('')], expect: ['4ab'] },
  { rule: 'W6', name: 'binary fragments', send: [part(OP.binary, [1, 2]), cont([3])], expect: [Buffer.from([1, 2, 3])] },
  { rule: 'W6', name: 'a fragment for every byte', send: [part(OP.text, '4'), ...[...'letters'].map((c) => cont(c, { fin: false })), cont('')], expect: ['4letters'] },
  { rule: 'W6 W8', name: 'a ping between fragments', send: [part(OP.text, '4ab'), frame(OP.ping, 'mid'), cont('cd')], expect: [pong('mid'), '4abcd'] },
  { rule: 'W6', name: 'a pong between fragments', send: [part(OP.text, '4ab'), frame(OP.pong, 'mid'), cont('cd')], expect: ['4abcd'] },
  { rule: 'W6 W9', name: 'a close between fragments', send: [part(OP.text, '4ab'), closeFrame(1000)], expect: [close(1000), FIN] },
  { rule: 'W6', name: 'two fragmented messages', send: [part(OP.text, '4a'), cont('b'), part(OP.binary, 'c'), cont('d')], expect: ['4ab', Buffer.from('cd')] },
  { rule: 'W6', name: 'UTF-8 split between fragments', send: [part(OP.text, euro.subarray(0, 2)), cont(euro.subarray(2, 3), { fin: false }), cont(euro.subarray(3))], expect: ['4€'] },
  { rule: 'W6', name: 'a text of four-byte characters', send: [text('4😀𝄞\u{10FFFF}\u0000')], expect: ['4😀𝄞\u{10FFFF}\u0000'] },
  { rule: 'W6', name: 'engine: ␞ in a text frame is data', send: [text('4a\x1e4b')], expect: ['4a\x1e4b'] },
])
webSocketTable(file, [
  { rule: 'W6', name: '␞ between two packets in one frame: bad JSON', send: [text('42["message",1]\x1e42["message",2]')], expect: [close()] },
], openSocket)

// ---- W7: violations ----

const violation = (name, send, code = 1002, before = []) => ({ rule: 'W7', name, send, expect: [...before, close(code)] })
table([
  violation('an unmasked text', [text('4x', { mask: false })]),
  violation('an unmasked ping', [frame(OP.ping, '', { mask: false })]),
  violation('an unmasked close', [closeFrame(1000, '', { mask: false })]),
  violation('an unmasked message behind a good one', [text('4good'), text('4x', { mask: false })], 1002, ['4good']),
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) => violation(`reserved bits ${rsv}`, [text('4x', { rsv })])),
  violation('a reserved bit on a ping', [frame(OP.ping, 'x', { rsv: 4 })]),
  violation('a reserved bit on a continuation', [part(OP.text, '4a'), cont('b', { rsv: 4 })]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op) => violation(`opcode ${op}`, [frame(op, 'x')])),
  violation('a continuation of nothing', [cont('x')]),
  violation('a continuation of nothing, more to come', [cont('x', { fin: false })]),
  violation('a continuation behind a whole message', [text('4a'), cont('b')], 1002, ['4a']),
  violation('a text within a fragmented text', [part(OP.text, '4a'), text('4b')]),
  violation('a binary within a fragmented text', [part(OP.text, '4a'), binary('b')]),
  violation('a first fragment within a fragmented message', [part(OP.binary, 'a'), part(OP.binary, 'b')]),
  violation('a continuation behind the last fragment', [part(OP.text, '4a'), cont('b'), cont('c')], 1002, ['4ab']),
  violation('a ping of 126 bytes', [frame(OP.ping, s(126))]),
  violation('a pong of 126 bytes', [frame(OP.pong, s(126))]),
  violation('a close of 126 bytes', [frame(OP.close, bytes(3, 0xe8, s(124)))]),
  violation('a ping whose length is written long', [frame(OP.ping, 'x', { form: 16 })]),
  ...[OP.ping, OP.pong, OP.close].map((op) => violation(`a fragmented control frame ${op}`, [frame(op, '', { fin: false })])),
  violation('a fragmented control frame within a message', [part(OP.text, '4a'), frame(OP.ping, '', { fin: false })]),
  violation('a close of one byte', [frame(OP.close, [3])]),
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) => violation(`close code ${code}`, [closeFrame(code)])),
  violation('a length of 63 bits and more', [frame(OP.binary, '', { form: 64, claim: 2n ** 63n })]),
  violation('a 16-bit length that fits 7', [text('4x', { form: 16 })]),
  violation('a 64-bit length that fits 16', [text('4x', { form: 64 })]),
])
const bad = {
  'a lone continuation byte': [0x80], 'a truncated sequence': [0xe2, 0x82], 'an overlong slash': [0xc0, 0xaf], 'an overlong of three': [0xe0, 0x80, 0xaf],
  'a surrogate': [0xed, 0xa0, 0x80], 'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80], 'the byte FF': [0xff], 'the byte FE': [0xfe], 'a sequence of five': [0xf8, 0x88, 0x80, 0x80, 0x80],
}
table([
  ...Object.entries(bad).map(([name, b]) => violation(`text with ${name}`, [text(bytes('4ok', b))], 1007)),
  ...Object.entries(bad).map(([name, b]) => violation(`close reason with ${name}`, [closeFrame(1000, bytes('ok', b))], 1007)),
  violation('bad UTF-8 in the middle', [text(bytes('4a', 0xff, 'b'))], 1007),
  violation('a character cut by the end of the last fragment', [part(OP.text, bytes('4', 0xe2)), cont([0x82])], 1007),
  violation('a bad byte in the first fragment, before the second', [part(OP.text, bytes('4', 0xff))], 1007),
  { rule: 'W7', name: 'binary need not be UTF-8', send: [binary([0xff, 0xfe, 0x80])], expect: [Buffer.from([0xff, 0xfe, 0x80])] },
])
const sized = (rows) => table(rows.map((r) => ({ ...r, rule: 'W7', args: small })))
sized([
  { name: 'exactly maxPayload', send: [text(`4${s(199)}`)], expect: [`4${s(199)}`] },
  { name: 'exactly maxPayload, binary', send: [binary(s(200))], expect: [Buffer.from(s(200))] },
  { name: 'exactly maxPayload in fragments', send: [part(OP.text, `4${s(99)}`), cont(s(100))], expect: [`4${s(199)}`] },
  { name: 'maxPayload counts bytes, not characters', send: [text(`4${s(66, '€')}`)], expect: [`4${s(66, '€')}`] },
  violation('maxPayload + 1', [text(`4${s(200)}`)], 1009),
  violation('maxPayload + 1, binary', [binary(s(201))], 1009),
  violation('maxPayload + 1 in characters of three bytes', [text(`4${s(67, '€')}`)], 1009),
  violation('maxPayload + 1 in fragments', [part(OP.text, `4${s(99)}`), cont(s(101))], 1009),
  violation('maxPayload + 1, the last fragment is announced', [part(OP.binary, s(200)), cont('', { claim: 1 })], 1009),
  violation('too long, told by the head alone', [frame(OP.binary, '', { claim: 201 })], 1009),
  violation('far too long, told by the head alone', [frame(OP.binary, '', { claim: 2n ** 62n })], 1009),
])
row({
  file, rule: 'W7', name: 'the default of maxPayload, to the byte',
  async run(t) {
    const wire = await openWebSocket(t)
    const data = randomBytes(1000000)
    wire.write(binary(data))
    assert.ok(data.equals(await readFrame(wire)))
    wire.write(frame(OP.binary, '', { claim: 1000001 }))
    await expectFrames(wire, [close(1009)])
  },
})
table([
  { rule: 'W7 E5', name: 'an Engine.IO violation: Close without a code', send: [text('9')], expect: [close()] },
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) => (
    { rule: 'W7', name: `the peer closes with ${code}`, send: [closeFrame(code)], expect: [close(code), FIN] })),
  { rule: 'W7', name: 'the peer closes with a reason', send: [closeFrame(1000, 'gone fishing €')], expect: [(f) => assert.equal(f.close, 1000), FIN] },
  { rule: 'W7', name: 'the longest reason', send: [closeFrame(1000, s(123))], expect: [(f) => assert.equal(f.close, 1000), FIN] },
  { rule: 'W7', name: 'the peer closes with an empty Close', send: [closeFrame()], expect: [close(), FIN] },
  { rule: 'W7', name: 'what comes behind the peer\'s Close is not read', send: [closeFrame(1000), text('4late'), frame(OP.ping)], expect: [close(1000), FIN] },
  { rule: 'W7', name: 'messages before the Close are answered first', send: [text('4a'), closeFrame(1001)], expect: ['4a', close(1001), FIN] },
])
webSocketTable(file, [
  { rule: 'W7', name: 'a Socket.IO violation: Close without a code', send: [text('4999')], expect: [close()] },
], openSocket)

// ---- W8: control pings ----

table([
  { rule: 'W8', name: 'ping', send: [frame(OP.ping, 'are you there')], expect: [pong('are you there')] },
  { rule: 'W8', name: 'empty ping', send: [frame(OP.ping)], expect: [pong('')] },
  { rule: 'W8', name: 'ping of 125 bytes', send: [frame(OP.ping, s(125))], expect: [pong(s(125))] },
  { rule: 'W8', name: 'ping that is not text', send: [frame(OP.ping, [0xff, 0x80, 0])], expect: [pong('\xff\x80\0')] },
  { rule: 'W8', name: 'unsolicited pong', send: [frame(OP.pong, 'x'), frame(OP.pong)], expect: [] },
  { rule: 'W8', name: 'ping between messages', send: [text('4a'), frame(OP.ping, 'p'), text('4b')], expect: ['4a', pong('p'), '4b'] },
])

// ---- W9: closing ----

const half = ['--max-payload', '200'] // any options do: rows with the same ones share a server
row({
  file, rule: 'W9', name: 'after a violation frames are not obeyed, the peer\'s Close ends it',
  async run(t) {
    const wire = await openWebSocket(t)
    wire.write([text('9')])
    assert.deepEqual(await readFrame(wire), close())
    wire.write([text('4late'), frame(OP.ping, 'late'), binary('late'), closeFrame()])
    await wire.end()
  },
})
row({
  file, rule: 'W9', name: 'without the peer\'s Close: FIN after a short time', once: true, quiet: true, args: half,
  async run(t) {
    const wire = await openWebSocket(t)
    wire.write(text('9'))
    assert.deepEqual(await readFrame(wire), close())
    const since = performance.now()
    await wire.end()
    const took = performance.now() - since
    assert.ok(took > 800 && took < 4000, `${took} ms`)
  },
})
row({
  file, rule: 'W9', name: 'unread input does not turn the FIN into RST',
  async run(t) {
    const wire = await openWebSocket(t)
    wire.write([closeFrame(1000), binary(randomBytes(100000)), binary(randomBytes(100000))])
    assert.deepEqual(await readFrame(wire), close(1000))
    await wire.end()
  },
})
row({
  file, rule: 'W9 W7', name: 'too long a message that is nevertheless sent: Close 1009 and FIN, no RST', args: small,
  async run(t) {
    const wire = await openWebSocket(t)
    wire.write(binary(randomBytes(400000)))
    assert.deepEqual(await readFrame(wire), close(1009))
    wire.write(closeFrame(1009))
    await wire.end()
  },
})
for (const leave of ['finish', 'reset']) {
  row({
    file, rule: 'W9 C1', name: `the peer leaves without Close (${leave}): the session is gone`,
    async run(t) {
      const wire = await openWebSocket(t)
      await wire.writes
      wire[leave]()
      if (leave === 'finish') await wire.end()
      const other = await t.connect()
      for (let r; ;) { // a reset is noticed a moment later: until then the sid is refused as live
        other.write(request('GET', `${ENGINE}?EIO=4&transport=polling&sid=${wire.sid}`))
        r = await response(other)
        assert.equal(r.status, 400)
        if (JSON.parse(r.text).code === 1) break
      }
    },
  })
}

// ---- W10 ----

row({
  file, rule: 'W10', name: 'a second WebSocket with the sid of a WebSocket session',
  async run(t) {
    const live = await openWebSocket(t)
    const second = await t.connect()
    second.write(upgrade(wsTarget(ENGINE, `&sid=${live.sid}`)))
    await handshake101(second)
    await expectFrames(second, [close()])
    live.write(text('4alive'))
    await expectFrames(live, ['4alive'])
  },
})
