// S, N, V and X of docs/wire.md: packets, namespaces, events and acks, user data that is passed on; and what single clients send (D, J, Q).
import assert from 'node:assert/strict'
import { binary, close, frame, OP, readFrame, response, row, text, upgrade } from './lib.mjs'
import {
  ask, assertGone, expectFrames, handshake101, join, openPacket, openPolling, openSocket, openWebSocket, pollTarget, quietWebSocket, RS, settle, SOCKET,
  webSocketTable, wsTarget,
} from './clients.mjs'

const file = 'socketio'
const add = (rule, name, run, more = {}) => row({ file, rule, name, run, ...more })
const opened = (t, o) => openWebSocket(t, { path: SOCKET, ...o })

// On a session without a namespace, and on a socket of the main namespace.
const fresh = (rows) => webSocketTable(file, rows, opened)
const connected = (rows) => webSocketTable(file, rows, openSocket)

const label = (s) => (s.length > 70 ? `${s.slice(0, 67)}...` : s)
const closes = (rule, packets) => packets.map((p) => ({ rule, name: `${label(JSON.stringify(p))} closes`, send: [text(p), text('42["message","late"]')], expect: [close()] }))
// Taken without an answer: the packet behind it is answered.
const silent = (rule, packets) => packets.map((p) => (
  { rule, name: `${label(JSON.stringify(p))} is taken in silence`, send: [text(p), text('42["message",1]')], expect: ['42["message-back",1]'] }))
const echoes = (rule, args) => args.map((a) => (
  { rule, name: label(`["message",${a}]`), send: [text(`42["message",${a}]`)], expect: [`42["message-back",${a}]`] }))

// ---- S1, S4: types and shapes ----

connected([
  ...closes('S1 S4', ['4', '47', '49', '4a', '4abc', '4 2["message"]', '4-1', '47["message"]', '4"2"', '4\u0000']),
  ...closes('S4 S9', ['44{"message":"x"}', '44', '44/custom,{"message":"x"}']),
  ...closes('S4', ['42', '425', '42[]', '42{}', '42null', '42"message"', '42[{}]', '42[null]', '42[true]', '42[[]]', '42["message"', '42["message",]', '42["message"]x',
    "42['message']", '42["message"]["message"]', '42{"0":"message"}', '41{}', '41[]', '41null', '41x', '431{}', '431null', '431"x"', '431[', '42[message]', '42[NaN]',
    '42["message",01]', '42["message",+1]', '42["message",.5]', '42["message",0x1]', '42["message",tru]', '42["message"]\u0000', '42["a\tb"]', '42["a\nb"]']),
  ...silent('S4', ['42[1,2]', '42[-1.5e3]', '42["unknown"]', '42[""]', '42["ping"]', '431[]', '431[1]', '431', '42 ["unknown"]', '42["unknown"] ', '42\n[\n"unknown"\r\n]\t']),
])
fresh([
  ...['40[]', '40null', '40"x"', '40true', '40{', '40{}x', '40{"a":}', '40,{}', '40/,[]', '40/custom,null', '40/custom,x'].map((p) => (
    { rule: 'S4', name: `${p} closes`, send: [text(p), text('40')], expect: [close()] })),
  { rule: 'S4', name: 'CONNECT with an empty object', send: [text('40{}')], expect: [/^40\{"sid":"[^"]+"\}$/, '42["auth",{}]'] },
  { rule: 'S4 S8', name: 'CONNECT with an object', send: [text('40{"token":"t","n":[1.0,{"a":null}]}')], expect: [/^40\{"sid"/, '42["auth",{"token":"t","n":[1.0,{"a":null}]}]'] },
  { rule: 'S4', name: 'CONNECT with blanks around the object', send: [text('40 {"a":1} ')], expect: [/^40\{"sid"/, '42["auth",{"a":1}]'] },
])

// ---- S2: how namespaces are written ----

const sid = '[A-Za-z0-9_-]{20}'
fresh([
  ...['40', '40/', '40/,'].map((p) => ({ rule: 'S2 Q-S1', name: `${p} means the main namespace`, send: [text(p)], expect: [new RegExp(`^40\\{"sid":"${sid}"\\}$`), '42["auth",{}]'] })),
  { rule: 'S2 Q-S1', name: '40/,{..} means the main namespace', send: [text('40/,{"token":"x"}')], expect: [/^40\{"sid"/, '42["auth",{"token":"x"}]'] },
  ...['40/custom', '40/custom,'].map((p) => (
    { rule: 'S2 Q-C1 N2', name: `${p}: the comma is free, ours is always there`, send: [text(p)], expect: [new RegExp(`^40/custom,\\{"sid":"${sid}"\\}$`), '42/custom,["auth",{}]'] })),
  { rule: 'S2', name: '40/custom,{..}', send: [text('40/custom,{"a":"b,c"}')], expect: [/^40\/custom,\{"sid"/, '42/custom,["auth",{"a":"b,c"}]'] },
])
connected([
  { rule: 'S2 Q-S1', name: 'an event that spells the main namespace out', send: [text('42/,["message",1]')], expect: ['42["message-back",1]'] },
  { rule: 'S2 V2', name: 'and its ack', send: [text('42/,7["message-with-ack",1]')], expect: ['437[1]'] },
  { rule: 'S2 Q-S1 N6', name: '41/, leaves the main namespace', send: [text('41/,'), text('40')], expect: [/^40\{"sid"/, '42["auth",{}]'] },
])

// ---- S3: ids of acks ----

const max = '9007199254740991'
connected([
  ...[['0', '0'], ['5', '5'], ['005', '5'], ['00000000000000000000000000000000000005', '5'], ['2147483647', '2147483647'], ['2147483648', '2147483648'], [max, max]].map(([id, back]) => (
    { rule: 'S3 V2', name: `id ${id}`, send: [text(`42${id}["message-with-ack",1]`)], expect: [`43${back}[1]`] })),
  ...closes('S3', ['42-1["e"]', '421.5["e"]', '42abc["e"]', '421e3["e"]', '421 2["e"]', '42 1["e"]', '429007199254740992["e"]', `42${'9'.repeat(40)}["e"]`,
    `42${'9'.repeat(5000)}["e"]`, '42١["e"]', '4218446744073709551616["e"]']),
  { rule: 'S3', name: 'a blank is no id', send: [text('42 ["message-with-ack",1]'), text('42["message",2]')], expect: ['42["message-back",2]'] },
  ...silent('V4 S9', ['43999[1]', '430[]', '439007199254740991[]', '431["a",{"b":1}]']),
])

// ---- S5, S7: binary ----

const at = (k) => `{"_placeholder":true,"num":${k}}`
const one = (p, ...frames) => ({ send: [text(p), ...frames] })
connected([
  { rule: 'S5 S7', name: 'one attachment', ...one(`451-["message",${at(0)}]`, binary([1, 2, 3])), expect: [`451-["message-back",${at(0)}]`, Buffer.from([1, 2, 3])] },
  { rule: 'S7', name: 'the sample of the ack', ...one(`452-9["message-with-ack",${at(0)},${at(1)}]`, binary('a'), binary('b')),
    expect: [`462-9[${at(0)},${at(1)}]`, Buffer.from('a'), Buffer.from('b')] },
  { rule: 'S7 W6', name: 'an empty attachment', ...one(`451-["message",${at(0)}]`, binary('')), expect: [`451-["message-back",${at(0)}]`, Buffer.alloc(0)] },
  { rule: 'S5', name: 'ten attachments', ...one(`4510-["message",${[...Array(10).keys()].map(at)}]`, [...Array(10).keys()].map((i) => binary([i]))),
    expect: [`4510-["message-back",${[...Array(10).keys()].map(at)}]`, ...[...Array(10).keys()].map((i) => Buffer.from([i]))] },
  { rule: 'S7', name: 'attachments by base64 in text frames', ...one(`452-["message",${at(0)},${at(1)}]`, text('bAQID'), text('bBA')),
    expect: [`452-["message-back",${at(0)},${at(1)}]`, Buffer.from([1, 2, 3]), Buffer.from([4])] },
  { rule: 'S7', name: 'a placeholder within objects and arrays', ...one(`451-["message",{"a":[{"b":${at(0)}}]}]`, binary('x')),
    expect: [`451-["message-back",{"a":[{"b":${at(0)}}]}]`, Buffer.from('x')] },
  { rule: 'S7', name: 'a placeholder twice', ...one(`451-["message",${at(0)},${at(0)}]`, binary('x')), expect: [`451-["message-back",${at(0)},${at(0)}]`, Buffer.from('x')] },
  { rule: 'S7', name: 'an attachment that is not used', ...one('451-["message",1]', binary('x')), expect: ['451-["message-back",1]', Buffer.from('x')] },
  { rule: 'S7 E5 E7', name: 'heartbeats between the attachments', ...one(`452-["message",${at(0)},${at(1)}]`, text('3'), binary('a'), text('6'), text('3'), binary('b')),
    expect: [`452-["message-back",${at(0)},${at(1)}]`, Buffer.from('a'), Buffer.from('b')] },
  { rule: 'S7', name: 'a ping frame between the attachments', ...one(`451-["message",${at(0)}]`, frame(OP.ping, 'p'), binary('a')),
    expect: [{ pong: 'p' }, `451-["message-back",${at(0)}]`, Buffer.from('a')] },
  { rule: 'S7', name: 'two binary packets in a row', ...one(`451-["message",${at(0)}]`, binary('a'), text(`451-["message",${at(0)}]`), binary('b')),
    expect: [`451-["message-back",${at(0)}]`, Buffer.from('a'), `451-["message-back",${at(0)}]`, Buffer.from('b')] },
  { rule: 'S7', name: 'what looks like a placeholder in a text packet is data', ...one(`42["message",${at(7)}]`), expect: [`42["message-back",${at(7)}]`] },
  { rule: 'S7', name: 'a binary ack nobody asked for', ...one(`461-5[${at(0)}]`, binary('a'), text('42["message",1]')), expect: ['42["message-back",1]'] },
  ...[
    ['an unexpected binary message', [binary('x')]],
    ['an unexpected base64 message', [text('bAQID')]],
    ['one attachment too many', [text(`451-["nobody",${at(0)}]`), binary('a'), binary('b')]],
    ['a text message instead of an attachment', [text(`451-["message",${at(0)}]`), text('42["message",1]')]],
    ['an ack instead of an attachment', [text(`451-["message",${at(0)}]`), text('431[]')]],
    ['a disconnect instead of an attachment', [text(`451-["message",${at(0)}]`), text('41')]],
    ['another binary header', [text(`451-["message",${at(0)}]`), text(`451-["message",${at(0)}]`)]],
  ].map(([name, send]) => ({ rule: 'S7', name: `${name} closes`, send, expect: [close()] })),
  ...closes('S7', [at(1), at(5), '{"_placeholder":true,"num":"0"}', at(-1), at(0.5), at('1e0'), at(null), at('18446744073709551616'), '{"_placeholder":true}'].map((p) => `451-["e",${p}]`)),
  ...closes('S5', ['4511-["e"]', '45-["e"]', '451["e"]', '450-["e"]', '45["e"]', '45', '45x-["e"]', '45-1-["e"]', '451.5-["e"]', '45 1-["e"]', '451 -["e"]', '4599999999999-["e"]',
    '454294967297-["e"]', '451-', '451-{}', '451-[]', '451-[{}]', '461-1', '461-1{}', '46["e"]']),
])
const kilo = ['--max-payload', '1000']
webSocketTable(file, [
  { rule: 'S7 X6 P9', name: 'header and attachments are maxPayload together', args: kilo, send: [text('452-["message"]'), binary(Buffer.alloc(493)), binary(Buffer.alloc(493))],
    expect: ['452-["message-back"]', Buffer.alloc(493), Buffer.alloc(493)] },
  { rule: 'S7 X6', name: 'attachments of more than maxPayload together close', args: kilo, send: [text('452-["message"]'), binary(Buffer.alloc(493)), binary(Buffer.alloc(494))],
    expect: [close()] },
], openSocket)
add('S7 E6', 'binary by polling, both ways', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  assert.equal((await s.post('40')).text, 'ok')
  await s.get()
  assert.equal((await s.post([`452-["message",${at(0)},${at(1)}]`, 'bAQID', 'bBAUG'].join(RS))).text, 'ok')
  assert.equal((await s.get()).text, [`452-["message-back",${at(0)},${at(1)}]`, 'bAQID', 'bBAUG'].join(RS))
  // over several pushes as well
  for (const p of [`451-3["message-with-ack",${at(0)}]`, '3', 'bAQ==\n']) assert.equal((await s.post(p)).text, 'ok')
  assert.equal((await s.get()).text, `461-3[${at(0)}]${RS}bAQ==`)
})
add('S7 U4', 'a header by polling, its attachment by WebSocket', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  await s.post('40')
  await s.get()
  assert.equal((await s.post(`451-["message",${at(0)}]`)).text, 'ok')
  const ws = await t.connect()
  ws.write([upgrade(s.wsTarget), text('2probe')])
  await handshake101(ws)
  assert.equal(await readFrame(ws), '3probe')
  ws.write([text('5'), binary('late')])
  await expectFrames(ws, [`451-["message-back",${at(0)}]`, Buffer.from('late')])
})
add('S7', 'the session ends while attachments are awaited', async (t) => {
  for (const leave of ['finish', 'reset']) {
    const ws = await openSocket(t)
    await ws.write([text(`453-["message",${at(0)}]`), binary('a')])
    await ws[leave]()
  }
})

// ---- S6: reserved names ----

connected([
  ...closes('S6', ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((n) => `42["${n}"]`)),
  ...closes('S6 X8', ['42["\\u0063onnect"]', '42["dis\\u0063onnect",1]', '421["connect"]']),
  { rule: 'S6', name: 'a reserved name with attachments closes', send: [text('451-["connect"]'), binary('x')], expect: [close()] },
  ...silent('S6', ['error', 'connection', 'message ', 'Connect', 'connect ', 'reconnect', '__proto__', 'constructor'].map((n) => `42["${n}",1]`)),
  { rule: 'X8', name: 'a name in escapes is the same name', send: [text('42["\\u006dessage",1]')], expect: ['42["message-back",1]'] },
])

// ---- S8, X1-X5, X8: values pass as they were written ----

connected([
  ...echoes('S8', ['1', '1,"2",{"3":[true]}', '[1,"2",{"3":[true]}]', '1.0', '1e2', '-0', '123456789012345678901234567890', '55.7558', '0.1', '{"b":1,"a":2}', '{"2":1,"1":2}',
    '""', '{}', '[]', 'null', 'true,false', '"é€😀"', '"\\u00e9"', '"\\/"', '"\\ud83d\\ude00"', '"\\u001e"', '"\\"\\\\\\b\\f\\n\\r\\t"', '{"__proto__":{"a":1}}']),
  { rule: 'S8', name: 'no arguments', send: [text('42["message"]')], expect: ['42["message-back"]'] },
  { rule: 'V2', name: 'an ack without arguments is an empty array', send: [text('420["message-with-ack"]')], expect: ['430[]'] },
  { rule: 'V6', name: 'what the server sends by itself asks for no ack, whatever it answers', send: [text('429["message",1]'), text('4210["message"]')], expect: ['42["message-back",1]', '42["message-back"]'] },
  { rule: 'X6 V5', name: 'sixteen arguments', send: [text(`42["message",${[...Array(16).keys()]}]`)], expect: [`42["message-back",${[...Array(16).keys()]}]`] },
  { rule: 'X6', name: 'seventeen arguments close', send: [text(`42["message",${[...Array(17).keys()]}]`)], expect: [close()] },
  ...closes('X1', ['42["message","a\u001eb"]', '42["message","\u0000"]', '42["message","\u001f"]', '42["message","a\nb"]', '42["message"]\u001e42["message"]', '40\u001e42["e"]']),
  ...[[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]].map((b) => (
    { rule: 'X2', name: `not UTF-8: ${Buffer.from(b).toString('hex')}`, send: [text(Buffer.concat([Buffer.from('42["message","'), Buffer.from(b), Buffer.from('"]')]))], expect: [close(1007)] })),
  // valid JSON that the product refuses: the session lives, the application is told by flags; echo-server sends it back
  ...echoes('X3 X4 X5', ['"\\ud800"', '"\\udc00x"', '"\\u0000"', '1e999', '-1e999', `${'['.repeat(200)}${']'.repeat(200)}`, '{"a":1,"a":2}', '{"_placeholder":true}']),
])
add('X4', 'a message of nothing but brackets', async (t) => {
  const ws = await openSocket(t)
  ws.write(text(`42["message",${'['.repeat(400000)}${']'.repeat(400000)}]`))
  assert.equal((await readFrame(ws)).length, 800000 + '42["message-back",]'.length)
  ws.write(text(`42["message",${'{"a":'.repeat(150000)}`))
  await expectFrames(ws, [close()])
}, { once: true })
add('X1 P2', 'by polling a separator within a string cuts the packet: malformed', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  await s.post('40')
  await s.get()
  await s.park()
  assert.equal((await s.post(`42["message","a${RS}42["message",1]`)).text, 'ok')
  assert.equal((await s.answer()).text, '1')
  await assertGone(t, s)
})
add('X1 E7', 'what one says by WebSocket reaches a poller whole', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  await s.post('40')
  await s.get()
  await s.post('42["message","\\u001e42[\\"evil\\"]"]')
  assert.equal((await s.get()).text, '42["message-back","\\u001e42[\\"evil\\"]"]')
})

// ---- S9, N: namespaces ----

connected([
  ...closes('S9', ['40', '40{}', '40/,']),
  ...closes('S9', ['42/custom,["message"]', '41/custom,', '43/custom,1[]', '42/nope,["message"]', '41/nope,', '41/other,', '42//,["message"]', '42/custom["message"]']),
  { rule: 'S9 N6', name: '41 twice closes', send: [text('41'), text('41')], expect: [close()] },
  { rule: 'S9 N6', name: 'an event behind 41 closes', send: [text('41'), text('42["message",1]')], expect: [close()] },
  { rule: 'N6', name: '41: silence, and the session lives on', send: [text('41'), frame(OP.ping, 'p')], expect: [{ pong: 'p' }] },
  { rule: 'N6 S2', name: 'other namespaces live on', send: [text('40/custom,'), text('41'), text('42/custom,["message",1]')],
    expect: [/^40\/custom,\{"sid"/, '42/custom,["auth",{}]', '42/custom,["message-back",1]'] },
  { rule: 'N1 S2', name: 'two namespaces on one session', send: [text('40/custom,{"x":1}'), text('42/custom,1["message-with-ack",1]'), text('421["message-with-ack",2]')],
    expect: [/^40\/custom,\{"sid"/, '42/custom,["auth",{"x":1}]', '43/custom,1[1]', '431[2]'] },
  { rule: 'N5', name: 'an unknown namespace', send: [text('40/nope,'), text('42["message",1]')], expect: ['44/nope,{"message":"Invalid namespace"}', '42["message-back",1]'] },
])
fresh([
  ...closes('S9 N1', ['42["message"]', '421["message-with-ack"]', '431[]', '41', '44{"message":"x"}', '42/custom,["message"]']),
  { rule: 'N1 S9', name: 'an event for / where only /custom was joined', send: [text('40/custom'), text('42["message"]')], expect: [/^40\/custom,/, '42/custom,["auth",{}]', close()] },
  ...['/nope', '/custom?x=1', '/Custom', '//', '/customx', '/custom/', '/__proto__', `/${'x'.repeat(2000)}`, '/é'].map((n) => (
    { rule: 'N5 S2', name: `Invalid namespace: ${label(n)}`, send: [text(`40${n},{"a":1}`), text('40')],
      expect: [`44${n},{"message":"Invalid namespace"}`, /^40\{"sid"/, '42["auth",{}]'] })),
  { rule: 'N5', name: 'Invalid namespace, asked without a comma', send: [text('40/nope')], expect: ['44/nope,{"message":"Invalid namespace"}'] },
  { rule: 'N4 N5', name: 'asked again it is refused again', send: [text('40/nope,'), text('40/nope,')], expect: Array(2).fill('44/nope,{"message":"Invalid namespace"}') },
  { rule: 'N3 V7', name: 'a client that does not wait for the reply', send: [text('40'), text('42["message",1]'), text('420["message-with-ack",2]')],
    expect: [/^40\{"sid"/, '42["auth",{}]', '42["message-back",1]', '430[2]'] },
])
add('N2 E3', 'socket ids are new each time and not the sid of the session', async (t) => {
  const ws = await openSocket(t)
  const ids = [ws.sid, ws.socketId, await join(ws, '/custom')]
  for (let i = 0; i < 5; i++) {
    ws.write(text('41'))
    ids.push(await join(ws))
  }
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, new RegExp(`^${sid}$`))
})
add('X6 N4', 'CONNECT attempts of a session are counted', async (t) => {
  const ws = await opened(t)
  ws.write(Array.from({ length: 33 }, () => text('40/nope,')))
  await expectFrames(ws, [...Array(32).fill('44/nope,{"message":"Invalid namespace"}'), close()])
})
add('V1 V3', 'without an id nothing is answered', async (t) => {
  const ws = await openSocket(t)
  ws.write([text('42["message-with-ack",1]'), text('421["nobody",1]')])
  await quietWebSocket(ws)
})
add('V7 E7', 'a burst is answered in order', async (t) => {
  const ws = await openSocket(t)
  ws.write(Array.from({ length: 1000 }, (_, i) => text(`42${i}["message-with-ack",${i}]`)))
  for (let i = 0; i < 1000; i++) assert.equal(await readFrame(ws), `43${i}[${i}]`)
})
add('N1 P2', 'by polling: the conversation of the sample', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  assert.equal((await s.post('40{"token":"t"}')).text, 'ok')
  const [accepted, event] = (await s.get()).text.split(RS)
  assert.match(accepted, new RegExp(`^40\\{"sid":"${sid}"\\}$`))
  assert.equal(event, '42["auth",{"token":"t"}]')
  await s.park()
  const ws = await t.connect()
  ws.write([upgrade(s.wsTarget), text('2probe')])
  await handshake101(ws)
  assert.equal(await readFrame(ws), '3probe')
  assert.equal((await s.answer()).text, '6')
  ws.write([text('5'), text('42["message",1]')])
  await expectFrames(ws, ['42["message-back",1]'])
})
add('N8', 'no namespace joined in time: graceful close', async (t) => {
  const ws = await opened(t)
  const polling = await openPolling(t, { path: SOCKET })
  await polling.park()
  ws.write(text('40/nope,')) // refusals do not stop the clock
  await expectFrames(ws, ['44/nope,{"message":"Invalid namespace"}', close()])
  assert.equal((await polling.answer()).text, '1')
  await assertGone(t, polling)
}, { args: ['--connect-timeout', '3000'], once: true, quiet: true })
add('N8', 'the first success stops the clock, also when the client has left since', async (t) => {
  const left = await openSocket(t)
  left.write(text('41'))
  const joined = await openSocket(t, { nsp: '/custom' })
  const late = await opened(t) // closed by the clock, which is how we know that the time of the others is over, too
  assert.deepEqual(await readFrame(late), close())
  await quietWebSocket(joined)
  left.write(text('40'))
  await expectFrames(left, [/^40\{/, '42["auth",{}]'])
}, { args: ['--connect-timeout', '3000'], once: true, quiet: true })

// ---- D, J, Q: packets that only one client sends ----

add('D1 D10 D12', 'dart:io: a head in lower case, the open packet unasked', async (t) => {
  const ws = await t.connect()
  ws.write([`GET ${wsTarget(SOCKET)} HTTP/1.1\r\n`, 'user-agent: Dart/3.4 (dart:io)\r\nconnection: Upgrade\r\ncache-control: no-cache\r\naccept-encoding: gzip\r\n',
    'content-length: 0\r\nsec-websocket-version: 13\r\nsec-websocket-extensions: permessage-deflate; client_max_window_bits\r\nhost: 127.0.0.1:3000\r\n',
    'upgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'].map((s) => Buffer.from(s)))
  const r = await handshake101(ws)
  assert.equal(r.headers.connection, 'Upgrade')
  assert.equal(r.headers.upgrade, 'websocket')
  assert.equal(r.headers['sec-websocket-extensions'], undefined)
  const open = openPacket(await readFrame(ws))
  for (const key of ['pingInterval', 'pingTimeout', 'maxPayload']) assert.ok(Number.isInteger(open[key]))
  assert.ok(Array.isArray(open.upgrades))
})
add('D2', 'transport=polling in the URL of a WebSocket', async (t) => {
  const ws = await t.connect()
  ws.write(upgrade(pollTarget(SOCKET)))
  assert.equal((await response(ws)).status, 400)
  await ws.end()
})
add('J1 E6', 'Java: base64 with line breaks, slashes in escapes', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  await s.post('40{"url":"http:\\/\\/x\\/"}')
  assert.equal((await s.get()).text.split(RS)[1], '42["auth",{"url":"http:\\/\\/x\\/"}]')
  const data = Buffer.alloc(100, 9)
  const lines = `${data.toString('base64').slice(0, 76)}\n${data.toString('base64').slice(76)}\n`
  assert.equal((await s.post(`451-["message",${at(0)}]${RS}b${lines}`)).text, 'ok')
  assert.equal((await s.get()).text, `451-["message-back",${at(0)}]${RS}b${data.toString('base64')}`)
})
add('Q-S1 Q-S2 Q-S3', 'Swift: b64 on polling URLs, a 6 around the upgrade, 1 before it leaves', async (t) => {
  const s = await openPolling(t, { path: SOCKET, query: '&b64=1' })
  await s.post('40/,')
  await s.get()
  await s.park()
  const ws = await t.connect()
  ws.write(upgrade(s.wsTarget))
  await handshake101(ws)
  ws.write(text('2probe'))
  assert.equal(await readFrame(ws), '3probe')
  assert.equal((await s.answer()).text, '6')
  assert.equal((await s.post('6')).text, 'ok')
  ws.write([text('5'), text('6'), text(`451-/,["message",${at(0)}]`), binary('x')])
  assert.equal(await readFrame(ws), `451-["message-back",${at(0)}]`)
  assert.deepEqual(await readFrame(ws), Buffer.from('x'))
  ws.write(text('1'))
  await expectFrames(ws, [close()])
  await assertGone(t, s)
})
add('Q-P3', 'Python: CONNECT by WebSocket, before any poll', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  const ws = await t.connect()
  ws.write([upgrade(`${s.wsTarget}&t=1795402275.15`), text('2probe')])
  await handshake101(ws)
  assert.equal(await readFrame(ws), '3probe')
  ws.write([text('5'), text('40{}')])
  await expectFrames(ws, [/^40\{/, '42["auth",{}]'])
})
add('Q-C1 W5', 'C++: CONNECT with the 101, bare namespaces', async (t) => {
  const ws = await t.connect()
  ws.write([upgrade(wsTarget(SOCKET)), text('40'), text('40/custom')])
  await handshake101(ws)
  openPacket(await readFrame(ws))
  await expectFrames(ws, [/^40\{/, '42["auth",{}]', /^40\/custom,\{/, '42/custom,["auth",{}]'])
})
add('Q-J1 P1 P2', 'JavaScript: one GET and one POST in flight', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  s.poll.write(`GET ${s.target} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await settle(t, s.poll)
  assert.equal((await s.post('40')).text, 'ok')
  assert.match((await s.answer()).text, /^40\{/)
})
add('C1 X7', 'the id of a socket is no sid, the sid of another server is none', async (t) => {
  const ws = await openSocket(t)
  const other = await t.connect()
  assert.equal(JSON.parse((await ask(other, 'GET', pollTarget(SOCKET, ws.socketId))).text).code, 1)
  assert.equal(JSON.parse((await ask(other, 'GET', pollTarget('/engine.io/', ws.sid))).text).code, 1)
})
