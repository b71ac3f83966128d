// H of docs/wire.md, the HTTP front door: paths, queries, heads, bodies, the order of the checks, CORS.
import assert from 'node:assert/strict'
import { bytes, crlf, readFrame, request, response, row, text, upgrade } from './lib.mjs'
import {
  ask, assertAlive, assertError, ENGINE, ERRORS, expectFrames, handshake101, openPacket, openPolling, pollTarget, quietWebSocket, sessions,
  SOCKET, wsTarget,
} from './clients.mjs'

const file = 'http'
const add = (rule, name, run, more = {}) => row({ file, rule, name, run, ...more })
const opened = (r) => {
  assert.equal(r?.status, 200, r?.text)
  return openPacket(r.text)
}
// The connection is kept and has nothing more for us.
const kept = async (wire) => assert.equal((await ask(wire, 'GET', '/nowhere')).status, 404)
const missing = (r) => assert.equal(r.status, 404)
const code = (n) => (r) => assertError(r, n)
const status = (n) => (r) => assert.equal(r.status, n)

// Rows of one request: bytes, what the answer must be, and whether the connection is kept.
function requests(rule, rows) {
  for (const [name, send, check, after = kept, more] of rows) {
    add(rule, name, async (t) => {
      const wire = await t.connect()
      wire.write(send)
      await check(await response(wire))
      await after(wire)
    }, more)
  }
}
const closed = (wire) => wire.end()
const get = (target, headers) => request('GET', target, headers)
const query = (q) => get(`${ENGINE}?${q}`)

// ---- H1, H2 ----

requests('H1', [
  ['the path', get(pollTarget(SOCKET)), opened],
  ['without its trailing slash', get('/socket.io?EIO=4&transport=polling'), opened],
  ['something behind the path', get('/socket.io/anything?EIO=4&transport=polling'), opened],
  ['percent-encoded', get('/%73ocket.io/?EIO=4&transport=polling'), missing],
  ['absolute form', get('http://x/socket.io/?EIO=4&transport=polling'), missing],
  ['a longer name', get('/socket.iox/?EIO=4&transport=polling'), missing],
  ['a shorter name', get('/socket.i?EIO=4&transport=polling'), missing],
  ['another case', get('/Socket.io/?EIO=4&transport=polling'), missing],
  ['the root', get('/'), missing],
])
requests('H2', [
  ['the other order', query('transport=polling&EIO=4'), opened],
  ['percent-encoded value', query('EIO=%34&transport=polling'), opened],
  ['percent-encoded name and value', query('%45IO=%34&tr%61nsport=p%6Flling'), opened],
  ['an empty sid is absent', query('EIO=4&transport=polling&sid='), opened],
  ['sid without a value is absent', query('EIO=4&transport=polling&sid'), opened],
  ['the last duplicate wins', query('EIO=3&transport=abc&transport=polling&EIO=4'), opened],
  ['the last duplicate wins, for the worse', query('EIO=4&transport=polling&EIO=3'), code(5)],
  ['+ is a space', query('EIO=4+&transport=polling'), code(5)],
  ['a cache buster with a dot', query('EIO=4&transport=polling&t=1795402275.15'), opened],
  ['a cache buster of strange characters', query('t=%00%ff!*~_-.&EIO=4&transport=polling&t=Pz0'), opened],
  ['unknown and empty pairs', query('&&a=b&=&c&token=%7B%22x%22%3A1%7D&EIO=4&transport=polling&'), opened],
  ['a broken percent sequence', query('x=%zz&EIO=4&transport=polling&y=%4'), opened],
  ['a sid that is percent-encoded', query('EIO=4&transport=polling&sid=%61bc'), code(1)],
])
add('H2', 'a live sid, percent-encoded', async (t) => {
  const s = await openPolling(t)
  s.target = s.target.replace(s.sid, [...s.sid].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''))
  assert.equal((await ask(s.push, 'POST', s.target, {}, '4a')).text, 'ok')
  assert.equal((await s.get()).text, '4a')
})

// ---- H3, H4 ----

const handshake = pollTarget()
requests('H3', [
  ['header names in lower case', crlf(`GET ${handshake} HTTP/1.1`, 'host: x', 'content-length: 0', 'accept-encoding: gzip', ''), opened],
  ['header names in capitals', crlf(`GET ${handshake} HTTP/1.1`, 'HOST: x', 'CONTENT-LENGTH: 0', ''), opened],
  ['blanks around values', crlf(`GET ${handshake} HTTP/1.1`, 'Host: \t x \t', 'Content-Length:0', ''), opened],
  ['an empty header value', get(handshake, { 'X-Empty': '' }), opened],
  ['Content-Length: 0 on a GET', get(handshake, { 'Content-Length': '0' }), opened],
  ['connection: CLOSE in capitals', get(handshake, { Connection: 'CLOSE' }), opened, closed],
  ['close within a list of tokens', get(handshake, { Connection: 'foo , close' }), opened, closed],
  ['no Host', crlf(`GET ${handshake} HTTP/1.1`, ''), status(400), closed],
  ['a header without a colon', crlf(`GET ${handshake} HTTP/1.1`, 'Host: x', 'nonsense', ''), status(400), closed],
  ['a folded header', crlf(`GET ${handshake} HTTP/1.1`, 'Host: x', 'A: b', ' c', ''), status(400), closed],
  ['a blank before the colon', crlf(`GET ${handshake} HTTP/1.1`, 'Host: x', 'Content-Length : 0', ''), status(400), closed],
  ['no HTTP at all', 'hello\r\n\r\n', status(400), closed],
  ['HTTP/2.0', crlf(`GET ${handshake} HTTP/2.0`, 'Host: x', ''), status(505), closed],
])
add('H3', 'Content-Length: 0 on an upgrade', async (t) => {
  const wire = await t.connect()
  wire.write([upgrade(wsTarget(), { 'Content-Length': '0' }), text('4a')])
  await handshake101(wire)
  openPacket(await readFrame(wire))
  await expectFrames(wire, ['4a'])
})

requests('H4', [
  ['the connection is kept', get(handshake), opened],
  ['Connection: close is honoured', get(handshake, { Connection: 'close' }), opened, closed],
  ['Connection: close with an error', get('/engine.io/?EIO=4', { Connection: 'close' }), code(0), closed],
  ['HTTP/1.0 closes', crlf(`GET ${handshake} HTTP/1.0`, 'Host: x', ''), opened, closed],
  ['HTTP/1.0 with keep-alive', crlf(`GET ${handshake} HTTP/1.0`, 'Connection: keep-alive', ''), opened],
  ['an empty line before the request', bytes('\r\n', get(handshake)), opened],
  ['Upgrade: h2c is a plain request (DEV)', get(handshake, { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABk' }), opened],
  ['Upgrade without Connection: upgrade is a plain request', get(handshake, { Upgrade: 'websocket' }), opened],
])
add('H4', 'requests in one write are answered in order', async (t) => {
  const wire = await t.connect()
  wire.write([get(handshake), get('/nowhere'), query('EIO=4&transport=polling&sid=gone'), get(handshake)])
  opened(await response(wire))
  missing(await response(wire))
  assertError(await response(wire), 1)
  opened(await response(wire))
  await kept(wire)
})

// Bodies: all of them make the session echo 4hello.
const chunk = (s, more = '') => bytes(`${Buffer.byteLength(s).toString(16)}${more}\r\n`, s, '\r\n')
const chunked = { 'Transfer-Encoding': 'chunked' }
const bodies = [
  ['by Content-Length', { 'Content-Length': 6 }, '4hello'],
  ['by chunks', chunked, [chunk('4hello'), '0\r\n\r\n']],
  ['by chunks of one byte', chunked, [[...'4hello'].map((c) => chunk(c)), '0\r\n\r\n']],
  ['by chunks with extensions', chunked, [chunk('4hel', ';name=value;"quoted"'), chunk('lo', ' ; x'), '0;last\r\n\r\n']],
  ['by chunks with trailers', chunked, [chunk('4hello'), '0\r\nX-Trailer: 1\r\nY: 2\r\n\r\n']],
  ['by chunks with sizes in capitals and zeros', { 'Transfer-Encoding': 'Chunked' }, ['0006\r\n4hello\r\n', '000\r\n\r\n']],
]
for (const [name, headers, body] of bodies) {
  add('H4 P2', `a body ${name}`, async (t) => {
    const s = await openPolling(t)
    const r = await ask(s.push, 'POST', s.target, headers, bytes(body))
    assert.equal(r.text, 'ok')
    await kept(s.push)
    assert.equal((await s.get()).text, '4hello')
  })
}
const spoilt = [
  ['a chunk size that is none', chunked, 'x\r\n4hello\r\n0\r\n\r\n'],
  ['a chunk longer than it says', chunked, '2\r\n4hello\r\n0\r\n\r\n'],
  ['a negative chunk size', chunked, '-6\r\n4hello\r\n0\r\n\r\n'],
  ['a chunk size beyond all bounds', chunked, 'fffffffffffffffff\r\n4'],
  ['a length and chunks', { ...chunked, 'Content-Length': 6 }, [chunk('4hello'), '0\r\n\r\n']],
  ['two lengths', { 'Content-Length': [6, 7] }, '4hello'],
  ['a length that is no number', { 'Content-Length': '6x' }, '4hello'],
  ['a negative length', { 'Content-Length': '-1' }, ''],
]
for (const [name, headers, body] of spoilt) {
  add('H4', `refused: ${name}`, async (t) => {
    const s = await openPolling(t)
    const r = await ask(s.push, 'POST', s.target, headers, bytes(body))
    assert.ok(r.status === 400 || r.status === 413, `${r.status}`)
    await s.push.end()
  })
}
add('H4', 'a coding that is not known', async (t) => {
  const s = await openPolling(t)
  assert.equal((await ask(s.push, 'POST', s.target, { 'Transfer-Encoding': 'gzip' }, '4hello')).status, 501)
  await s.push.end()
})
for (const [name, headers, body] of [['a length', { 'Content-Length': 6 }, '4hello'], ['chunks', chunked, bytes(chunk('4hello'), '0\r\n\r\n')]]) {
  add('H4', `Expect: 100-continue, ${name}`, async (t) => {
    const s = await openPolling(t)
    s.push.write(request('POST', s.target, { ...headers, Expect: '100-continue' }))
    assert.equal((await response(s.push, 'POST')).status, 100)
    s.push.write(body)
    assert.equal((await response(s.push, 'POST')).text, 'ok')
    assert.equal((await s.get()).text, '4hello')
  })
}
add('H4', 'Expect: 100-continue with a final status at once', async (t) => {
  const wire = await t.connect()
  wire.write(request('POST', pollTarget(ENGINE, 'gone'), { 'Content-Length': 6, Expect: '100-continue' }))
  assertError(await response(wire, 'POST'), 1)
})
add('H4 H5', 'a refused request with a body does not confuse the next one', async (t) => {
  const wire = await t.connect()
  wire.write([request('POST', pollTarget(ENGINE, 'gone'), {}, get('/nowhere')), get('/nowhere')])
  assertError(await response(wire, 'POST'), 1)
  const next = await response(wire) // either the connection is closed or the body was read past
  if (next === null) assert.equal(wire.ended, 'FIN')
  else { missing(next); await kept(wire) }
})

// ---- H5 ----

const headOf = (n) => {
  const frame = crlf(`GET ${handshake} HTTP/1.1`, 'Host: x', 'X-Fill: ', '').length
  return crlf(`GET ${handshake} HTTP/1.1`, 'Host: x', `X-Fill: ${'x'.repeat(n - frame)}`, '')
}
requests('H5', [
  ['a head of 8 KiB', headOf(8192), opened],
  ['a head of 16 KiB', headOf(16384), opened],
  ['a head of 16 KiB and a byte', headOf(16385), status(431), closed],
  ['a head without an end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(40000)}`, status(431), closed],
  ['a request line without an end', `GET /${'x'.repeat(40000)}`, status(431), closed],
  ['a thousand headers', crlf(`GET ${handshake} HTTP/1.1`, 'Host: x', ...Array.from({ length: 1000 }, (_, i) => `a: ${i}`), ''), status(431), closed],
])

// ---- H6-H8: the order of the checks ----

const sid = 'AAAAAAAAAAAAAAAAAAAA'
const checks = [ // step, session, query, code, method, headers
  [2, null, 'EIO=4', 0], [2, null, '', 0], [2, null, 'EIO=4&transport=', 0], [2, null, 'EIO=4&transport=abc', 0],
  [2, null, 'EIO=4&transport=__proto__', 0], [2, null, 'EIO=4&transport=constructor', 0], [2, null, 'EIO=4&transport=POLLING', 0],
  [2, null, 'EIO=4&transport=webtransport', 0], [2, null, 'EIO=4&transport=polling%00', 0], [2, null, 'EIO=4&transport=flashsocket', 0],
  [2, null, `EIO=4&sid=${sid}`, 0], [2, 'polling', 'EIO=4&transport=abc&sid={sid}', 0], [2, null, 'transport=abc', 0, 'POST'],
  [4, null, `EIO=4&transport=polling&sid=${sid}`, 1], [4, null, `EIO=4&transport=websocket&sid=${sid}`, 1], [4, null, `EIO=3&transport=polling&sid=${sid}`, 1],
  [4, null, `EIO=4&transport=polling&sid=${sid}`, 1, 'POST'], [4, null, `EIO=4&transport=polling&sid=${sid}`, 1, 'PUT'],
  [4, null, 'EIO=4&transport=polling&sid=x', 1], [4, null, `EIO=4&transport=polling&sid=${'y'.repeat(4000)}`, 1], [4, 'closed', 'EIO=4&transport=polling&sid={sid}', 1],
  [4, 'polling', 'EIO=4&transport=polling&sid={sid}x', 1], [4, 'polling', 'EIO=4&transport=polling&sid={SID}', 1], [4, null, 'EIO=4&transport=polling&sid=__proto__', 1],
  [5, 'polling', 'EIO=4&transport=websocket&sid={sid}', 3], [5, 'websocket', 'EIO=4&transport=polling&sid={sid}', 3],
  [5, 'websocket', 'EIO=4&transport=websocket&sid={sid}', 3], [5, 'websocket', 'EIO=4&transport=websocket&sid={sid}', 3, 'POST'],
  [5, 'upgraded', 'EIO=4&transport=websocket&sid={sid}', 3], [5, 'upgraded', 'EIO=4&transport=websocket&sid={sid}', 3, 'POST'], [5, 'upgraded', 'EIO=4&transport=polling&sid={sid}', 3], [5, 'upgraded', 'EIO=4&transport=polling&sid={sid}', 3, 'POST'],
  [6, 'polling', 'transport=polling&sid={sid}', 3], [6, 'polling', 'EIO=3&transport=polling&sid={sid}', 3], [6, 'polling', 'EIO=44&transport=polling&sid={sid}', 3],
  [7, null, 'EIO=4&transport=polling', 2, 'POST'], [7, null, 'EIO=4&transport=polling', 2, 'PUT'], [7, null, 'EIO=4&transport=polling', 2, 'DELETE'],
  [7, null, 'EIO=4&transport=polling', 2, 'HEAD'], [7, null, 'EIO=3&transport=polling', 2, 'POST'], [7, null, 'EIO=4&transport=websocket', 2, 'POST'],
  [7, null, 'EIO=4&transport=polling&sid=', 2, 'POST'], [7, null, 'EIO=4&transport=polling', 2, 'BREW'],
  [8, null, 'EIO=4&transport=websocket', 3], [8, null, 'EIO=3&transport=websocket', 3],
  [10, null, 'EIO=3&transport=polling', 5], [10, null, 'transport=polling', 5], [10, null, 'EIO=5&transport=polling', 5], [10, null, 'EIO=04&transport=polling', 5],
  [10, null, 'EIO=4.0&transport=polling', 5], [10, null, 'EIO=&transport=polling', 5], [10, null, 'EIO=-1&transport=polling', 5],
]
for (const [step, kind, q, n, method = 'GET'] of checks) {
  add('H6 H7', `step ${step}: ${method} ${q.length > 80 ? `${q.slice(0, 60)}...` : q} ${kind ?? ''}`, async (t) => {
    const s = kind && (await sessions[kind](t))
    const flipped = s && s.sid.replace(/[a-z]/gi, (c) => (c < 'a' ? c.toLowerCase() : c.toUpperCase()))
    const wire = await t.connect()
    const r = await ask(wire, method, `${ENGINE}?${q.replace('{sid}', s?.sid).replace('{SID}', flipped)}`, {}, method === 'POST' ? '' : null)
    if (method === 'HEAD') {
      assert.equal(r.status, 400)
      assert.equal(r.headers['content-length'], String(JSON.stringify({ code: n, message: ERRORS[n] }).length))
    } else {
      assertError(r, n)
    }
    await kept(wire)
    if (kind === 'polling') await assertAlive(s)
    if (kind === 'websocket') await quietWebSocket(s)
    if (kind === 'upgraded') await quietWebSocket(s.ws)
  })
}
for (const [name, value] of [['0x01', 'a\x01b'], ['0x1F', 'a\x1fb'], ['0x7F', 'a\x7fb'], ['NUL', 'a\0b']]) {
  add('H6', `step 3: an Origin with ${name}`, async (t) => {
    const wire = await t.connect()
    assert.equal((await ask(wire, 'GET', pollTarget(ENGINE, sid), { Origin: `http://${value}` })).status, 400)
  })
}
requests('H6', [
  ['an Origin with a tab is fine', get(handshake, { Origin: 'http://a\tb' }), opened],
  ['an Origin with bytes above 0x7F is fine', bytes(`GET ${handshake} HTTP/1.1\r\nHost: x\r\nOrigin: http://`, 0xe9, '\r\n\r\n'), opened],
  ['Origin: null', get(handshake, { Origin: 'null' }), opened],
])

const upgradeRefused = (query, message, more = {}) => ['H8', `an upgrade: ${query} ${Object.keys(more).join()}`, query, message, more]
for (const [rule, name, q, message, more] of [
  upgradeRefused('EIO=4&transport=abc', 'Transport unknown'),
  upgradeRefused('EIO=4', 'Transport unknown'),
  upgradeRefused(`EIO=4&transport=websocket&sid=${sid}`, 'Session ID unknown'),
  upgradeRefused('EIO=3&transport=websocket', 'Unsupported protocol version'),
  upgradeRefused('transport=websocket', 'Unsupported protocol version'),
  upgradeRefused('EIO=5&transport=websocket', 'Unsupported protocol version'),
  upgradeRefused('EIO=4&transport=polling&sid={sid}', 'Bad request', { session: 'polling' }),
  upgradeRefused('EIO=3&transport=websocket&sid={sid}', 'Bad request', { session: 'polling' }),
  upgradeRefused('transport=websocket&sid={sid}', 'Bad request', { session: 'polling' }),
]) {
  add(rule, name, async (t) => {
    const s = more.session && (await sessions[more.session](t))
    const wire = await t.connect()
    wire.write([upgrade(`${ENGINE}?${q.replace('{sid}', s?.sid)}`), text('4early')])
    const r = await response(wire)
    assert.equal(r.status, 400)
    assert.equal(r.headers['content-type'], 'text/html')
    assert.equal(r.headers.connection, 'close')
    assert.equal(r.text, message)
    await wire.end()
    if (s) await assertAlive(s)
  })
}
add('H8', 'a WebSocket request with transport=polling is refused', async (t) => {
  const wire = await t.connect()
  wire.write(upgrade(pollTarget()))
  const r = await response(wire)
  assert.equal(r.status, 400)
  assert.equal(r.text, 'Bad request')
  await wire.end()
})

// ---- H9: CORS ----

const any = ['--cors', '*']
const listed = ['--cors', 'http://a.example, http://b.example']
const allow = 'access-control-allow-origin'
const corsRows = [
  ['a handshake', (t) => t.connect(), 'GET', handshake, 200],
  ['an error', (t) => t.connect(), 'GET', '/engine.io/?EIO=4', 400],
  ['a poll and a push', null, null, null, 200],
  ['HEAD', (t) => t.connect(), 'HEAD', handshake, 400],
]
const corsCases = [
  [any, {}, (h) => assert.equal(h[allow], '*')],
  [any, { Origin: 'http://a.example' }, (h) => { assert.equal(h[allow], '*'); assert.equal(h['access-control-allow-credentials'], undefined) }],
  ...['http://a.example', 'http://b.example'].map((origin) => [listed, { Origin: origin }, (h) => {
    assert.equal(h[allow], origin)
    assert.equal(h['access-control-allow-credentials'], 'true')
    assert.match(h.vary, /\bOrigin\b/)
  }]),
  ...[{ Origin: 'http://c.example' }, { Origin: 'http://a.example.evil' }, { Origin: 'http://a.exampl' }, { Origin: 'null' }, {}].map((headers) => [listed, headers, (h) => {
    assert.equal(h[allow], undefined)
    assert.match(h.vary, /\bOrigin\b/)
  }]),
  [[], { Origin: 'http://a.example' }, (h) => assert.equal(h[allow], undefined)],
]
for (const [args, headers, check] of corsCases) {
  const title = `--cors ${args[1] ?? 'off'}, Origin ${headers.Origin ?? 'absent'}`
  for (const [name, connect, method, target, expected] of corsRows) {
    add('H9', `${title}: ${name}`, async (t) => {
      if (connect) {
        const r = await ask(await connect(t), method, target, headers)
        assert.equal(r.status, expected)
        check(r.headers)
        return
      }
      const s = await openPolling(t)
      const pushed = await ask(s.push, 'POST', s.target, headers, '4a')
      const polled = await ask(s.poll, 'GET', s.target, headers)
      assert.deepEqual([pushed.text, polled.text], ['ok', '4a'])
      check(pushed.headers)
      check(polled.headers)
    }, { args })
  }
  add('H9', `${title}: the 101 and a refused upgrade`, async (t) => {
    const wire = await t.connect()
    wire.write(upgrade(wsTarget(), headers))
    check((await handshake101(wire)).headers)
    const other = await t.connect()
    other.write(upgrade(wsTarget(ENGINE, '&sid=gone'), headers))
    check((await response(other)).headers)
  }, { args })
}
for (const target of [handshake, ENGINE, '/engine.io/?transport=abc&sid=gone']) {
  add('H9 H6', `preflight of ${target}`, async (t) => {
    const wire = await t.connect()
    const r = await ask(wire, 'OPTIONS', target, { Origin: 'http://a.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-y' })
    assert.equal(r.status, 204)
    assert.equal(r.headers['content-length'], '0')
    assert.equal(r.headers[allow], '*')
    assert.equal(r.headers['access-control-allow-methods'], 'GET,HEAD,PUT,PATCH,POST,DELETE')
    assert.equal(r.headers['access-control-allow-headers'], 'content-type,x-y')
    assert.match(r.headers.vary, /Access-Control-Request-Headers/)
    await kept(wire)
  }, { args: any })
}
add('H9', 'preflight that asks for no headers, origin list', async (t) => {
  const wire = await t.connect()
  wire.write(request('OPTIONS', handshake, { Origin: 'http://b.example' }))
  const at = await wire.wait(() => (wire.in.includes('\r\n\r\n') ? true : undefined))
  assert.ok(at)
  const head = wire.take(wire.in.indexOf('\r\n\r\n') + 4).toString()
  assert.match(head, /^HTTP\/1.1 204 /)
  assert.match(head, /^Access-Control-Allow-Origin: http:\/\/b\.example\r$/m)
  assert.doesNotMatch(head, /^Access-Control-Allow-Headers/m)
  assert.match(head, /^Vary: .*Origin/m)
  await kept(wire)
}, { args: listed })
requests('H9 H6', [
  ['CORS off: OPTIONS is a bad handshake method', request('OPTIONS', handshake), code(2)],
  ['CORS off: OPTIONS without a transport', request('OPTIONS', ENGINE), code(0)],
])

// ---- H10-H16 ----

const plain = (r) => r.lines.filter((l) => !l.startsWith('Date: ')).sort()
add('H10', 'the headers of a handshake, a poll and a push', async (t) => {
  const s = await openPolling(t)
  const wire = await t.connect()
  const open = await ask(wire, 'GET', handshake)
  const text = (r) => ['Cache-Control: no-store', `Content-Length: ${r.body.length}`, 'Content-Type: text/plain; charset=UTF-8']
  assert.deepEqual(plain(open), text(open))
  const pushed = await s.post('4€')
  assert.deepEqual(plain(pushed), ['Cache-Control: no-store', 'Content-Length: 2', 'Content-Type: text/html'])
  assert.equal(pushed.text, 'ok')
  const polled = await s.get()
  assert.equal(polled.text, '4€')
  assert.deepEqual(plain(polled), text(polled))
})
for (const coding of [null, 'identity', 'gzip;q=0, deflate;q=0', '']) {
  add('H11', `no coding the client did not list: ${coding}`, async (t) => {
    const s = await openPolling(t)
    const long = `4${'x'.repeat(5000)}`
    assert.equal((await s.post(long)).text, 'ok')
    const r = await ask(s.poll, 'GET', s.target, { 'Accept-Encoding': coding })
    assert.equal(r.headers['content-encoding'], undefined)
    assert.equal(r.text, long)
  })
}
requests('H12', [['no cookie by default', get(handshake), (r) => assert.equal(r.headers['set-cookie'], undefined)]])
for (const method of ['PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'BREW']) {
  add('H13', `${method} on a live sid (DEV)`, async (t) => {
    const s = await openPolling(t)
    const r = await ask(s.push, method, s.target)
    if (method === 'HEAD') assert.equal(r.status, 400)
    else assertError(r, 3)
    await assertAlive(s)
  })
}
requests('H14', [['client files are not served', get('/socket.io/socket.io.js'), (r) => assert.ok(r.status === 404 || r.status === 400)]])
requests('H15', [['j is ignored', query('EIO=4&transport=polling&j=0'), (r) => { assert.match(r.headers['content-type'], /^text\/plain/); opened(r) }]])
add('H15', 'j on a live session', async (t) => {
  const s = await openPolling(t)
  s.target += '&j=1'
  assert.equal((await ask(s.push, 'POST', s.target, {}, '4a')).text, 'ok')
  assert.equal((await ask(s.poll, 'GET', s.target)).text, '4a')
})
for (const target of ['/', '/nowhere', '/socket.iox/?EIO=4&transport=websocket']) {
  add('H16', `an upgrade on ${target}`, async (t) => {
    const wire = await t.connect()
    wire.write([upgrade(target), text('4early')])
    const r = await response(wire)
    assert.ok(r.status === 404 || r.status === 400)
    assert.equal(r.headers.connection, 'close')
    await wire.end()
  })
}
