// Clients that mean harm: memory stays bounded, nothing crashes, others are served. Each attack has a server of its own, watched from outside.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { binary, bytes, closeFrame, crlf, frame, OP, readFrame, request, response, row, text, upgrade } from './lib.mjs'
import { ask, assertAlive, ENGINE, handshake101, openPacket, openPolling, openSocket, openWebSocket, pollTarget, SOCKET, wsTarget } from './clients.mjs'

const file = 'hostile'
let servers = 0

/*
 * After every attack somebody else connects, by both transports, and is served; and the server's memory has grown by no more than `mb`. A
 * sanitizer keeps what was freed, and multiplies what is not: there only the first counts.
 */
const add = (rule, name, run, { mb = 20, ...more } = {}) => row({
  file, rule, name, args: ['--connect-timeout', String(45000 + ++servers)], once: true, heavy: true, ...more,
  async run(t) {
    const { child } = await t.server()
    const resident = () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'latin1')
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) / 1024
    }
    const sanitized = /\/lib[at]san|asan/.test(readFileSync(`/proc/${child.pid}/maps`, 'latin1'))
    const before = resident()
    await run(t)
    const ws = await openSocket(t)
    ws.write(text('42["message","served"]'))
    assert.equal(await readFrame(ws), '42["message-back","served"]')
    await assertAlive(await openPolling(t))
    const grown = resident() - before
    if (!sanitized) assert.ok(grown < mb, `grew by ${grown.toFixed(1)} MB`)
  },
})
const many = (t, n) => Promise.all(Array.from({ length: n }, () => t.connect()))
const ended = (wire, ms) => wire.wait(() => undefined, 'the end', ms)

// ---- HTTP ----

const target = pollTarget()
// Two readings of one message: refused, the connection closed, and what was hidden is no request.
const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
const smuggled = [
  ['a length before chunks', ['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`],
  ['chunks before a length', ['Transfer-Encoding: chunked', 'Content-Length: 6'], `0\r\n\r\n${hidden}`],
  ['a length of 0 and chunks', ['Content-Length: 0', 'Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`],
  ['the same length twice', ['Content-Length: 5', 'Content-Length: 5'], `0\r\n\r\n${hidden}`],
  ['a list of lengths', ['Content-Length: 5, 5'], `0\r\n\r\n${hidden}`],
  ['a length with a sign', ['Content-Length: +5'], `0\r\n\r\n${hidden}`],
  ['a length in hex', ['Content-Length: 0x5'], `0\r\n\r\n${hidden}`],
  ['a length of many digits', [`Content-Length: ${'0'.repeat(30)}5`], `0\r\n\r\n${hidden}`],
  ['an empty length', ['Content-Length:'], hidden],
  ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`],
  ['chunked, identity', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${hidden}`],
  ['identity', ['Transfer-Encoding: identity'], hidden],
  ['xchunked', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${hidden}`],
  ['chunked in quotes', ['Transfer-Encoding: "chunked"'], `0\r\n\r\n${hidden}`],
  ['a vertical tab before chunked', ['Transfer-Encoding: \vchunked'], `0\r\n\r\n${hidden}`],
  ['a blank before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${hidden}`],
  ['a blank before the name', [' Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`],
  ['a name with a NUL', ['Transfer-Encoding\0: chunked'], `0\r\n\r\n${hidden}`],
  ['a value with a NUL', ['Content-Length: 5\0'], `0\r\n\r\n${hidden}`],
  ['a bare LF behind a header', ['X: y\nContent-Length: 5'], `0\r\n\r\n${hidden}`],
  ['a bare CR within a header', ['X: y\rContent-Length: 5'], `0\r\n\r\n${hidden}`],
  ['two hosts', ['Host: y'], hidden],
]
for (const [name, lines, rest] of smuggled) {
  row({
    file, rule: 'H4', name: `smuggling: ${name}`,
    async run(t) {
      const wire = await t.connect()
      wire.write([crlf(`POST ${target} HTTP/1.1`, 'Host: x', ...lines, ''), rest])
      const r = await response(wire, 'POST')
      assert.ok(r.status === 400 || r.status === 501, `${r.status}`)
      assert.equal(r.headers.connection, 'close')
      await wire.end()
    },
  })
}
for (const [name, first, status] of [
  ['bare LF lines', `GET ${target} HTTP/1.1\nHost: x\n\n`, 400],
  ['a bare LF, and no more', `GET ${target} HTTP/1.1\n`, 400],
  ['a NUL in the target', `GET ${ENGINE}?EIO=4\0 HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
  ['a blank in the target', `GET ${ENGINE}? EIO=4 HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
  ['bytes above 0x7F in the target', bytes(`GET ${ENGINE}?EIO=4&x=`, 0xff, 0xfe, ' HTTP/1.1\r\nHost: x\r\n\r\n'), 400],
  ['no version', `GET ${target}\r\n\r\n`, 400],
  ['a TLS hello on a plain port', bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, randomBytes(64)), 400],
  ['a greeting of ssh', 'SSH-2.0-OpenSSH_9.2\r\n', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n', 404],
  ['absolute form', 'GET http://x/socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['dots', 'GET /../../socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n', 404],
]) {
  row({
    file, rule: 'H3 H1', name: `nonsense: ${name}`,
    async run(t) {
      const wire = await t.connect()
      wire.write(first)
      assert.equal((await response(wire)).status, status)
    },
  })
}

add('H5', 'slowloris: five hundred heads that never end', async (t) => {
  const slow = await many(t, 500)
  for (const w of slow) w.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nX-Fill: ${'x'.repeat(8000)}`)
  for (let i = 0; i < 3; i++) for (const w of slow) w.write('x')
  await Promise.all(slow.map((w) => w.writes))
})
add('H5', 'heads without end are cut', async (t) => {
  await Promise.all((await many(t, 100)).map(async (w) => {
    w.write(`GET /${'x'.repeat(60000)}`)
    assert.equal((await response(w)).status, 431)
  }))
})
row({
  file, rule: 'H5', name: 'an endless header line: behind the 431 no more than a little is read',
  async run(t) {
    const wire = await t.connect()
    const more = Buffer.alloc(65536, 'x')
    wire.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20000)}`)
    assert.equal((await response(wire)).status, 431)
    wire.socket.on('error', () => {})
    let sent = 0
    for (; sent < 32 << 20 && !wire.socket.destroyed; sent += more.length) {
      await new Promise((resolve) => { wire.socket.write(more, resolve) })
    }
    assert.ok(sent < 12 << 20, `${sent} bytes were taken`) // the two kernels hold some, on top of the megabyte that is read
  },
})
add('H4', 'thousands of requests in one write', async (t) => {
  const w = await t.connect()
  w.write(Array.from({ length: 5000 }, () => request('GET', '/nowhere')))
  for (let i = 0; i < 5000; i++) assert.equal((await response(w)).status, 404)
})
add('H4 P1', 'a crowd of requests behind a parked poll is not kept without end', async (t) => {
  const s = await openPolling(t)
  await s.park()
  for (let i = 0; i < 400 && !s.poll.ended; i++) await Promise.race([s.poll.write(request('GET', s.target)), ended(s.poll, 20000)])
  await ended(s.poll)
})
add('H4', 'chunk extensions, trailers and tiny chunks are bounded', async (t) => {
  for (const body of [`1;${'x'.repeat(200000)}`, `0\r\n${'X: y\r\n'.repeat(40000)}`, `${'0'.repeat(100000)}`]) {
    const s = await openPolling(t)
    s.push.write([request('POST', s.target, { 'Transfer-Encoding': 'chunked' }), body])
    assert.equal((await response(s.push)).status, 400)
    await s.push.end()
  }
  const s = await openPolling(t)
  s.push.write([request('POST', s.target, { 'Transfer-Encoding': 'chunked' }), '1\r\n4\r\n', '1\r\nx\r\n'.repeat(100000), '0\r\n\r\n'])
  assert.equal((await response(s.push)).text, 'ok')
})
add('H4 X6', 'bodies that are announced and never come', async (t) => {
  const all = await Promise.all(Array.from({ length: 150 }, () => openPolling(t)))
  await Promise.all(all.map((s) => s.push.write(request('POST', s.target, { 'Content-Length': 1000000 }))))
})
add('H4 P5', 'half-closed connections', async (t) => {
  await Promise.all((await many(t, 200)).map(async (w) => {
    w.write(request('GET', target))
    w.finish()
    openPacket((await response(w)).text)
    await w.end()
  }))
})

// ---- sessions ----

add('X6', 'sessions that nobody comes back for', async (t) => {
  await Promise.all((await many(t, 20)).map(async (w) => {
    for (let i = 0; i < 60; i++) {
      w.write(Array.from({ length: 50 }, () => request('GET', target, { Authorization: `Bearer ${'x'.repeat(200)}` })))
      for (let k = 0; k < 50; k++) assert.equal((await response(w)).status, 200)
    }
  }))
}, { mb: 28 })
add('P3 P4 X7', 'guessed and odd sids', async (t) => {
  const w = await t.connect()
  for (const sid of ['%00', '%ff', '..%2f', '__proto__', 'x'.repeat(10000), '%', 'A'.repeat(20), '%F0%9F%98%80']) {
    assert.equal((await ask(w, 'GET', pollTarget(ENGINE, sid))).status, 400)
  }
})
add('P13 X6', 'thousands of polls and pushes', async (t) => {
  const s = await openPolling(t)
  s.push.write(Array.from({ length: 3000 }, (_, i) => request('POST', s.target, {}, `4${i}`)))
  s.poll.write(request('GET', s.target))
  let pushed = 0, polled = 0
  await Promise.all([
    (async () => { for (; pushed < 3000; pushed++) assert.equal((await response(s.push)).text, 'ok') })(),
    (async () => {
      while (polled < 3000) {
        polled += (await response(s.poll)).text.split('\x1e').filter((p) => p !== '2').length
        if (polled < 3000) s.poll.write(request('GET', s.target))
      }
    })(),
  ])
  assert.equal(polled, 3000)
})
add('X6 U8', 'upgrades that are begun and left', async (t) => {
  for (let i = 0; i < 100; i++) {
    const s = await openPolling(t)
    const ws = await t.connect()
    ws.write([upgrade(s.wsTarget), text('2probe')])
    await handshake101(ws)
    if (i % 2) ws.reset()
  }
})

// ---- WebSocket ----

add('W8 X6', 'a flood of pings by a peer that does not read', async (t) => {
  const ws = await openWebSocket(t)
  ws.socket.pause()
  const flood = bytes(Array.from({ length: 2000 }, () => frame(OP.ping, 'x'.repeat(125))))
  for (let i = 0; i < 100; i++) await ws.write(flood)
  ws.socket.resume()
  await ws.wait(() => (ws.in.length ? true : undefined))
})
add('X6', 'a flood of tiny messages by a peer that does not read', async (t) => {
  const ws = await openWebSocket(t)
  ws.socket.pause()
  const flood = bytes(Array.from({ length: 20000 }, () => text('4')))
  const cut = new Promise((resolve) => { ws.socket.once('close', resolve) })
  for (let i = 0; i < 60 && !ws.socket.destroyed; i++) await Promise.race([ws.write(flood), cut])
})
add('W6', 'a hundred thousand tiny frames that mean nothing', async (t) => {
  const ws = await openWebSocket(t)
  const flood = bytes(Array.from({ length: 10000 }, (_, i) => (i % 2 ? text('6') : frame(OP.pong))))
  for (let i = 0; i < 10; i++) ws.write(flood)
  ws.write(text('4end'))
  assert.equal(await readFrame(ws), '4end')
})
add('W7 X6', 'fragments without an end', async (t) => {
  const ws = await openWebSocket(t)
  ws.write([frame(OP.text, '4', { fin: false }), Array.from({ length: 2000 }, () => frame(OP.cont, '', { fin: false }))])
  assert.equal((await readFrame(ws)).close, 1009)
})
/*
 * Four hundred begin a message of 900 KB and never end it: 360 MB, if all were kept. Echo-server keeps 64 MB of unfinished input; those that
 * hold most are cut, and who sends short messages meanwhile notices nothing.
 */
add('X6', 'messages that are begun and never ended', async (t) => {
  const honest = await openSocket(t)
  const part = frame(OP.binary, '', { claim: 900000 }), filling = Buffer.alloc(850000)
  const crowd = []
  for (let i = 0; i < 8; i++) {
    const some = await Promise.all(Array.from({ length: 50 }, () => openWebSocket(t)))
    await Promise.all(some.map((w) => Promise.race([w.write([part, filling]), ended(w, 30000)])))
    honest.write(text(`421["message-with-ack",${i}]`))
    assert.equal(await readFrame(honest), `431[${i}]`)
    crowd.push(...some)
  }
  await Promise.race(crowd.map((w) => ended(w, 30000))) // somebody had to go
  for (const w of crowd) w.destroy()
}, { mb: 140 })

// ---- Socket.IO ----

add('X6 N4', 'a flood of CONNECT', async (t) => {
  const all = await Promise.all(Array.from({ length: 20 }, () => openWebSocket(t, { path: SOCKET })))
  for (const ws of all) ws.write(Array.from({ length: 2000 }, (_, i) => text(`40/${i},`)))
  await Promise.all(all.map(async (ws) => {
    for (;;) if ((await readFrame(ws)).close !== undefined) break
  }))
})
add('V4 X6', 'a flood of acks nobody asked for', async (t) => {
  const ws = await openSocket(t)
  for (let i = 0; i < 20; i++) ws.write(bytes(Array.from({ length: 1000 }, (_, k) => text(`43${i * 1000 + k}["x"]`))))
  ws.write(text('42["message",1]'))
  assert.equal(await readFrame(ws), '42["message-back",1]')
})
add('S7 X6', 'ten attachments of 1 MB', async (t) => {
  const parts = Array.from({ length: 10 }, (_, i) => binary(Buffer.alloc(999000, i)))
  await Promise.all(Array.from({ length: 10 }, async () => {
    const ws = await openSocket(t)
    ws.write(text('4510-["message"]'))
    // One after the other, and reading: who does neither finds a reset, once the server has waited long enough for the answer to its Close.
    const closed = readFrame(ws)
    for (const part of parts) await Promise.race([ws.write(part), closed])
    assert.equal((await closed).close, null) // the second is too much
    ws.write(closeFrame())
  }))
}, { mb: 30 })
add('S7 X6', 'attachments that never come, over polling', async (t) => {
  const part = `b${Buffer.alloc(700000).toString('base64')}`
  const ends = []
  for (let i = 0; i < 110; i++) { // 77 MB, of which 64 are kept
    const s = await openPolling(t, { path: SOCKET })
    assert.equal((await s.post('40\x1e453-["message"]')).text, 'ok')
    await s.post(part)
    ends.push((await s.get()).text.endsWith('\x1e1'))
  }
  assert.equal(ends[0], false)
  assert.equal(ends.at(-1), true)
}, { mb: 95 })
add('X1 X4', 'JSON of nothing but brackets, keys, escapes', async (t) => {
  for (const json of ['['.repeat(900000), '{"a":'.repeat(150000), `[${'{"":0},'.repeat(120000)}0]`, `["${'\\u0061'.repeat(150000)}"]`, `["a",${'1,'.repeat(400000)}1]`,
    `["a",{${Array.from({ length: 60000 }, (_, i) => `"k${i}":0`)}}]`, `["a",${'9'.repeat(900000)}]`, `["a",${'-'.repeat(900000)}]`]) {
    const ws = await openSocket(t)
    ws.write([text(`42${json}`), text('4')])
    for (;;) if ((await readFrame(ws)).close !== undefined) break
  }
}, { mb: 40 })
add('C1 W9', 'connections that come and go in every way', async (t) => {
  for (let i = 0; i < 40; i++) {
    const ws = await t.connect()
    const all = bytes(upgrade(wsTarget(SOCKET)), text('40'), text('42["message",1]'), text(`451-["message",{"_placeholder":true,"num":0}]`), binary('x'), closeFrame(1000))
    await ws.write(all.subarray(0, Math.floor(all.length * Math.random())))
    await ws[i % 2 ? 'reset' : 'finish']()
  }
})
