// Stock clients from npm against echo-server: the meaning of the rows of bytes, with real clients.
import assert from 'node:assert/strict'
import { row } from './lib.mjs'

const file = 'stock'
let io, engine

async function clients() {
  io ??= (await import('socket.io-client')).io
  engine ??= (await import('engine.io-client')).Socket
}

const transports = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] }
const LATE = 8000
const within = (what, promise) => Promise.race([promise, new Promise((_, reject) => { setTimeout(() => reject(new Error(`no ${what}`)), LATE).unref() })])
const once = (emitter, event) => within(event, new Promise((resolve) => { emitter.once(event, (...args) => resolve(args)) }))

// A socket of socket.io-client that is connected, with what `auth` brought.
async function connect(t, names, nsp = '/', options = {}) {
  await clients()
  const { port } = await t.server()
  const socket = io(`http://127.0.0.1:${port}${nsp}`, { transports: names, forceNew: true, reconnection: false, ...options })
  t.open.push({ destroy: () => socket.disconnect() })
  socket.auth_event = once(socket, 'auth')
  await once(socket, 'connect')
  return socket
}
const upgraded = (socket) => (socket.io.engine.transport.name === 'websocket' ? null : once(socket.io.engine, 'upgrade'))
const ask = (socket, ...args) => within('ack', new Promise((resolve) => { socket.emit('message-with-ack', ...args, (...back) => resolve(back)) }))

for (const [how, names] of Object.entries(transports)) {
  const add = (rule, name, run, more = {}) => row({ file, rule, name: `${how}: ${name}`, once: true, run, ...more })

  add('N1 N2 V2', 'socket.io-client connects, speaks and is answered', async (t) => {
    const socket = await connect(t, names, '/', { auth: { token: 'abc' } })
    assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/)
    assert.deepEqual(await socket.auth_event, [{ token: 'abc' }])
    if (how === 'upgrade') await upgraded(socket)
    const back = once(socket, 'message-back')
    socket.emit('message', 1, '2', { 3: [true, null] }, 'é€😀')
    assert.deepEqual(await back, [1, '2', { 3: [true, null] }, 'é€😀'])
    assert.deepEqual(await ask(socket), [])
    assert.deepEqual(await ask(socket, { a: 1.5 }), [{ a: 1.5 }])
  })
  add('S7 E6', 'binary, both ways, nested and large', async (t) => {
    const socket = await connect(t, names)
    const large = Buffer.alloc(300000, 7)
    const [one, two] = await ask(socket, Buffer.from([1, 2, 3]), { deep: [{ data: large, empty: Buffer.alloc(0) }] })
    assert.deepEqual(Buffer.from(one), Buffer.from([1, 2, 3]))
    assert.ok(large.equals(Buffer.from(two.deep[0].data)))
    assert.equal(two.deep[0].empty.byteLength ?? two.deep[0].empty.length, 0)
  })
  add('V7 E7', 'a thousand events in one go come back in order', async (t) => {
    const socket = await connect(t, names)
    const got = []
    const all = within('all', new Promise((resolve) => socket.on('message-back', (i) => { if (got.push(i) === 1000) resolve() })))
    for (let i = 0; i < 1000; i++) socket.emit('message', i)
    await all
    assert.deepEqual(got, Array.from({ length: 1000 }, (_, i) => i))
  })
  add('S2 N5', 'a second namespace on the same connection, and one that is not there', async (t) => {
    const socket = await connect(t, names)
    const custom = socket.io.socket('/custom', { auth: { a: 1 } })
    const auth = once(custom, 'auth') // socket() connects it
    assert.deepEqual(await auth, [{ a: 1 }])
    assert.notEqual(custom.id, socket.id)
    assert.deepEqual(await ask(custom, 'x'), ['x'])
    const nowhere = socket.io.socket('/nowhere', {})
    const refused = once(nowhere, 'connect_error')
    assert.equal((await refused)[0].message, 'Invalid namespace')
    custom.disconnect()
    assert.deepEqual(await ask(socket, 'still'), ['still'])
    const again = once(custom, 'connect')
    custom.connect()
    await again
    assert.deepEqual(await ask(custom, 'again'), ['again'])
  })
  add('B1 B2', 'heartbeats keep it, with nothing else going on', async (t) => {
    const socket = await connect(t, names)
    let pings = 0
    socket.io.on('ping', () => pings++)
    await within('pings', new Promise((resolve) => socket.io.on('ping', () => { if (pings >= 3) resolve() })))
    assert.ok(socket.connected)
    assert.deepEqual(await ask(socket, 1), [1])
  }, { args: ['--ping-interval', '300'] })
  add('C7', 'a client that is sent away by a violation comes back by itself', async (t) => {
    const socket = await connect(t, names, '/', { reconnection: true, reconnectionDelay: 10 })
    if (how === 'upgrade') await upgraded(socket)
    const gone = once(socket, 'disconnect'), back = once(socket, 'connect')
    socket.io.engine.write('9broken')
    assert.match((await gone)[0], /^transport (close|error)$/)
    await back
    assert.deepEqual(await ask(socket, 'back'), ['back'])
  })
  add('P11 E5', 'it says goodbye', async (t) => {
    const socket = await connect(t, names)
    const gone = once(socket, 'disconnect')
    socket.disconnect()
    assert.deepEqual((await gone)[0], 'io client disconnect')
  })
  add('E1 U1', 'engine.io-client: text and binary come back', async (t) => {
    await clients()
    const { port } = await t.server()
    const socket = new engine(`ws://127.0.0.1:${port}`, { path: '/engine.io', transports: names })
    t.open.push({ destroy: () => socket.close() })
    const opened = once(socket, 'open')
    const up = how === 'upgrade' ? once(socket, 'upgrade') : null
    await opened
    await up
    for (const data of ['hello', 'é€', Buffer.from([0, 255, 1])]) {
      const back = once(socket, 'message')
      socket.send(data)
      const [got] = await back
      assert.deepEqual(typeof got === 'string' ? got : Buffer.from(got), data)
    }
    const closed = once(socket, 'close')
    socket.close()
    await closed
  })
}
row({
  file, rule: 'U1 U4 E7', name: 'messages sent during the upgrade arrive once and in order', once: true,
  async run(t) {
    for (let k = 0; k < 5; k++) {
      const socket = await connect(t, transports.upgrade)
      const got = []
      let sent = 0
      const up = upgraded(socket)
      const all = within('all', new Promise((resolve) => socket.on('message-back', (i) => { got.push(i); if (got.length === 200) resolve() })))
      while (sent < 200) {
        socket.emit('message', sent++)
        if (sent % 10 === 0) await new Promise(setImmediate)
      }
      await Promise.all([all, up])
      assert.deepEqual(got, Array.from({ length: 200 }, (_, i) => i))
      socket.disconnect()
    }
  },
})
