// The specification's own client, Flutter: raw sockets that write as dart:io does and read as socket_io_client does (docs/wire.md D1-D10).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Dart } from './lib/dart.mjs'
import { seconds, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge({ BELLWIRE_PING_INTERVAL_MS: '600' })

const isMap = (x) => Object.prototype.toString.call(x) === '[object Object]'

async function pair() {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  return { ann, bob, chat, a: await Dart.up(edge, ann), b: await Dart.up(edge, bob) }
}

describe('connecting', { concurrency: true }, () => {
  test('the open packet comes unasked, then CONNECT, connected, sync:required', async () => {
    const user = await w.user()
    const d = await Dart.up(edge, user)
    assert.equal(d.frames[0][0], '0', 'first frame is the open packet')
    assert.deepEqual(d.hello.upgrades, [])
    assert.deepEqual(Object.keys(d.connectReply), ['sid'])
    assert.deepEqual(d.events.slice(0, 2).map((e) => e.event), ['connected', 'sync:required'])
    assert.equal(d.heard('connected')[0].socket_id, d.id)
    d.onlyMaps()
    d.close()
  })

  test('heads as different versions write them', async () => {
    const user = await w.user()
    for (const options of [{ contentLength: true }, { query: '/socket.io/?EIO=4&transport=websocket&t=abc' },
      { query: '/socket.io/?foo=bar&EIO=4&transport=websocket' }]) {
      const d = await Dart.up(edge, user, options)
      d.onlyMaps()
      d.close()
    }
  })

  test('without auth: error as a Map, 41, and no frame behind it', async () => {
    for (const auth of [null, {}, { token: 'x.y.z' }]) {
      const d = new Dart(edge, { auth })
      await d.open()
      assert.equal(await d.down(), 'io server disconnect')
      assert.deepEqual(d.events.map((e) => [e.event, e.data.code, e.data.message]), [['error', 'UNAUTHORIZED', 'Invalid token']])
      assert.ok(isMap(d.connectReply), 'accepted first: a CONNECT_ERROR has other names in other versions')
      assert.equal(d.frames.at(-1), '41')
      d.onlyMaps()
    }
  })

  test('a rejected client whose connect handler emits: ignored', async () => {
    const { ann, chat, b } = await pair()
    const d = new Dart(edge, { auth: { token: token(ann, { exp: seconds() - 1 }) } })
    await d.open()
    await until(() => d.connectReply)
    for (let i = 0; i < 3; i++) d.emit('chat:message:send', { chat_id: chat.id, type: 'text', content: 'no' })
    await d.down()
    await w.message(chat, ann, 'yes')
    await b.hear('chat:message:new', { content: 'yes' })
    assert.equal(b.heard('chat:message:new').length, 1)
  })

  test('the specification\'s error handler: a new token, connect() again', async () => {
    const user = await w.user()
    const d = new Dart(edge, { auth: { token: token(user, { exp: seconds() - 1 }) } })
    await d.open()
    await d.down()
    assert.equal(d.heard('error')[0].message, 'Invalid token')
    const again = await Dart.up(edge, user)
    assert.equal(again.heard('sync:required')[0].reason, 'token_refresh')
    again.close()
  })

  test('what the connect handler emits at the CONNECT reply is served', async () => {
    const { ann, bob, chat, b } = await pair()
    for (let i = 0; i < 5; i++) {
      const d = new Dart(edge, { auth: { token: token(ann) } })
      d.user = ann
      await d.open()
      await until(() => d.connectReply)
      const acks = await Promise.all([d.ask('chat:join', { chat_id: chat.id }), d.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `queued ${i}` })])
      assert.deepEqual(acks.map((x) => x.status), ['joined', 'sent'])
      b.emit('chat:typing', { chat_id: chat.id, is_typing: true })
      await d.hear('chat:typing', { user_id: bob.id })
      d.close()
    }
  })

  test('attempts close together, as its own loop and the app\'s make them', async () => {
    const user = await w.user()
    const both = await Promise.all([Dart.up(edge, user), Dart.up(edge, user)])
    await w.notify(user)
    for (const d of both) {
      await d.hear('notification:new')
      d.close()
    }
  })
})

describe('Maps everywhere', { concurrency: true }, () => {
  test('every event and every ack of the product', async () => {
    const { ann, bob, chat, a, b } = await pair()
    const a2 = await Dart.up(edge, ann)
    const answers = []
    const ask = async (d, event, data) => {
      const x = await d.ask(event, data)
      assert.ok(isMap(x), `${event}: the ack callback is given ${JSON.stringify(x)}`)
      answers.push(x)
      return x
    }
    for (const d of [a, b]) await ask(d, 'chat:join', { chat_id: chat.id })
    const { message_id } = await ask(a, 'chat:message:send', { chat_id: chat.id, type: 'text', content: 'Привет 👋' })
    await b.hear('chat:message:new', { id: message_id })
    await a.hear('chat:message:delivered', { message_id })
    await ask(b, 'chat:message:read', { chat_id: chat.id, message_id })
    await a.hear('chat:message:read', { message_id })
    await ask(a, 'chat:typing', { chat_id: chat.id, is_typing: true })
    await b.hear('chat:typing')
    const notification_id = await w.notify(ann)
    await a.hear('notification:new', { id: notification_id })
    await ask(a, 'notification:read', { notification_id })
    await a2.hear('notification:read', { notification_id })
    const post = await w.post(ann)
    await w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, bob.id])
    await w.sql("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", [post.id, bob.id])
    await w.sql('delete from platform.post_likes where post_id = $1', [post.id])
    for (const e of ['post:liked', 'post:commented', 'post:unliked']) await a.hear(e)
    assert.ok(isMap(a.heard('post:commented')[0].comment))
    await ask(a, 'chat:leave', { chat_id: chat.id })
    await ask(a, 'auth:refresh', { token: token(ann) })
    await ask(a, 'nope', { a: 1 })
    await ask(a, 'chat:join', { chat_id: 'x' })
    await a.hear('error')
    b.close()
    await a.hear('user:offline', { user_id: bob.id })
    await w.sql('select rt.emit(null, $1, $2)', ['test:all', { a: 1 }])
    await a.hear('test:all')
    for (const d of [a, a2, b]) d.onlyMaps()
    assert.ok(answers.every(isMap))
    a.close()
    a2.close()
  })

  test('emit as Dart spreads it: a List, nothing, null: INVALID_DATA, and the client lives', async () => {
    const { chat, a } = await pair()
    for (const data of [[chat.id], [], [{ chat_id: chat.id }, { chat_id: chat.id }], null, undefined, 'text', 5]) {
      const ack = await a.ask('chat:join', data)
      assert.deepEqual([ack.status, ack.code], ['error', 'INVALID_DATA'], JSON.stringify(data))
    }
    // a List of one Map is that Map, to the server
    assert.equal((await a.ask('chat:join', [{ chat_id: chat.id }])).status, 'joined')
    a.onlyMaps()
    a.close()
  })

  test('typed data goes as a binary attachment: INVALID_DATA, and the client lives', async () => {
    const { chat, a, b } = await pair()
    let ack
    a.acks.set(9, (x) => { ack = x })
    a.sendText(`451-9["chat:message:send",{"chat_id":"${chat.id}","type":"text","content":{"_placeholder":true,"num":0}}]`)
    a.write(0x82, Buffer.from([1, 2, 3]))
    await until(() => ack, 'the ack')
    assert.deepEqual([ack.status, ack.code], ['error', 'INVALID_DATA'])
    assert.equal((await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })).status, 'sent')
    await b.hear('chat:message:new')
    assert.equal(b.heard('chat:message:new').length, 1)
    a.onlyMaps()
    a.close()
  })

  test('heartbeats are answered with text; the client stays', async () => {
    const user = await w.user()
    const d = await Dart.up(edge, user)
    await until(() => d.pings >= 3, 'three pings')
    assert.equal(d.ended, null)
    await w.notify(user)
    await d.hear('notification:new')
    d.close()
  })

  test('a large message and one cut into many frames by length', async () => {
    const { chat, a, b } = await pair()
    for (const n of [1, 100, 125, 126, 127, 1000, 16384]) {
      const content = 'x'.repeat(n)
      const { message_id: id } = await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content })
      assert.equal((await b.hear('chat:message:new', { id })).content, content)
    }
    await w.sql('select rt.emit(array[$1], $2, $3)', [`user:${b.user.id}`, 'test:big', { x: 'я'.repeat(100000) }])
    await b.hear('test:big')
    for (const d of [a, b]) {
      d.onlyMaps()
      d.close()
    }
  })

  test('the offline queue flushed in one write on connect', async () => {
    const { ann, chat, b } = await pair()
    const d = new Dart(edge, { auth: { token: token(ann) } })
    await d.open()
    await until(() => d.connectReply)
    d.tcp.cork()
    for (let i = 0; i < 50; i++) d.emit('chat:message:send', { chat_id: chat.id, type: 'text', content: `q${i}`, client_id: `q${i}` })
    d.tcp.uncork()
    await b.hear('chat:message:new', { content: 'q49' })
    assert.deepEqual(b.heard('chat:message:new').map((m) => m.content), Array.from({ length: 50 }, (_, i) => `q${i}`))
    assert.deepEqual(d.heard('error'), [])
    d.close()
    b.close()
  })

  test('the end of an edge: no 41, so that it comes back by itself', async () => {
    const other = await w.edge()
    const d = await Dart.up(other, await w.user())
    await other.stop()
    await d.down()
    assert.ok(!d.frames.includes('41'))
    d.onlyMaps()
  })
})
