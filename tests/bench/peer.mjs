// What a team would write with Socket.IO for Node in place of bellwire, in its quick form: `ws`, JWT by node:crypto, rooms
// from the same tables, rows inserted by `pg`, deliveries by NOTIFY with the event as payload (as @socket.io/postgres-adapter
// does). No presence, no recovery, no limits; receipts only where they are asked for.
//
//   DATABASE_URL, JWT_SECRET
//   RECEIPTS=all|first    messages are sent with ack, and their deliveries, or the first one's, noted and told to the sender
//   NAIVE=1               what is written first: a message is one INSERT, a trigger does the rest (naive.sql), and nobody checks
//
// Prints "listening PORT". SIGUSR2 collects garbage (node --expose-gc).
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import pg from 'pg'
import { Server } from 'socket.io'

const { DATABASE_URL, JWT_SECRET, RECEIPTS, NAIVE } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })

function verify(token) {
  const [head, body, mac] = String(token).split('.')
  const want = createHmac('sha256', JWT_SECRET).update(`${head}.${body}`).digest()
  const got = Buffer.from(mac ?? '', 'base64url')
  if (JSON.parse(Buffer.from(head, 'base64url')).alg !== 'HS256' || got.length !== want.length || !timingSafeEqual(got, want)) throw new Error('UNAUTHORIZED')
  const claims = JSON.parse(Buffer.from(body, 'base64url'))
  if (!(claims.exp > Date.now() / 1000)) throw new Error('UNAUTHORIZED')
  return claims
}

// One round trip: the user is there and active, and these are the rooms.
const ROOMS = `select array(select 'participants:' || p.chat_id from platform.chat_participants p where p.user_id = u.id)
    || array(select 'followers:' || f.followee_id from platform.follows f where f.follower_id = u.id) as rooms, u.name
  from platform.users u where u.id = $1 and u.disabled_at is null`

// One round trip and one commit: participant checked, row inserted, everybody told.
const SEND = NAIVE ? `insert into platform.messages (chat_id, sender_id, type, content, metadata) values ($1, $2, $3, $4, $5) returning id, created_at` : `with m as (
    insert into platform.messages (chat_id, seq, sender_id, type, content, metadata, created_at)
    select $1, nextval('platform.peer_seq'), $2, $3, $4, $5, clock_timestamp()
    where exists (select from platform.chat_participants p where p.chat_id = $1 and p.user_id = $2)
    returning *)
  select m.id, m.created_at, platform.peer_notify(m, u) from m join platform.users u on u.id = m.sender_id`

const http = createServer()
const io = new Server(http, { transports: ['websocket'] })

io.use(async (socket, next) => {
  try {
    const { sub } = verify(socket.handshake.auth.token)
    const { rows } = await pool.query({ name: 'rooms', text: ROOMS, values: [sub] })
    if (!rows.length) throw new Error('UNAUTHORIZED')
    Object.assign(socket.data, { user: sub, name: rows[0].name })
    socket.join([`user:${sub}`, ...rows[0].rooms])
    next()
  } catch {
    next(new Error('UNAUTHORIZED'))
  }
})

io.on('connection', (socket) => {
  socket.emit('connected', { socket_id: socket.id, user_id: socket.data.user })
  socket.emit('sync:required', { reason: 'connection_established' })
  socket.on('chat:message:send', async (m, ack) => {
    try {
      const { rows } = await pool.query({ name: 'send', text: SEND, values: [m.chat_id, socket.data.user, m.type, m.content, m.metadata ?? {}] })
      ack(rows.length ? { status: 'sent', message_id: rows[0].id, created_at: rows[0].created_at.toISOString() } : { code: 'FORBIDDEN' })
    } catch {
      ack({ code: 'INTERNAL' })
    }
  })
  socket.on('chat:join', ({ chat_id }, ack) => {
    if (!socket.rooms.has(`participants:${chat_id}`)) return ack({ code: 'FORBIDDEN' })
    socket.join(`chat:${chat_id}`)
    ack({ status: 'joined', chat_id })
  })
  socket.on('chat:typing', ({ chat_id, is_typing }, ack) => {
    if (!socket.rooms.has(`participants:${chat_id}`)) return ack({ code: 'FORBIDDEN' })
    socket.to(`chat:${chat_id}`).emit('chat:typing', { chat_id, user_id: socket.data.user, user_name: socket.data.name, is_typing })
    ack({ status: 'ok' })
  })
})

// Receipts of one moment in one statement: while one runs, the next are gathered.
const RECEIPT = `with r as (
    insert into platform.message_receipts (message_id, user_id, delivered_at)
    select q.message_id, q.user_id, clock_timestamp() from unnest($1::uuid[], $2::uuid[]) q (message_id, user_id)
    on conflict do nothing returning *)
  select platform.peer_emit('user:' || m.sender_id, 'chat:message:delivered',
    jsonb_build_object('message_id', m.id, 'chat_id', m.chat_id, 'delivered_to', r.user_id, 'delivered_at', r.delivered_at))
  from r join platform.messages m on m.id = r.message_id`
let waiting = []
let noting = false

async function note(message, user) {
  waiting.push([message, user])
  if (noting) return
  noting = true
  while (waiting.length) {
    const batch = waiting
    waiting = []
    await pool.query({ name: 'receipt', text: RECEIPT, values: [batch.map((r) => r[0]), batch.map((r) => r[1])] }).catch(() => {})
  }
  noting = false
}

function deliver(room, event, data) {
  if (!RECEIPTS || event !== 'chat:message:new') return void (room ? io.to(room) : io).emit(event, data)
  let noted = false
  const taken = (user) => {
    if (noted && RECEIPTS === 'first') return
    noted = true
    note(data.id, user)
  }
  for (const id of io.of('/').adapter.rooms.get(room) ?? []) {
    const socket = io.of('/').sockets.get(id)
    if (socket.data.user === data.sender_id) socket.emit(event, data)
    else socket.emit(event, data, () => taken(socket.data.user))
  }
}

// LISTEN as the documentation of `pg` shows it, and again when the session is gone.
async function listen() {
  const listener = new pg.Client({ connectionString: DATABASE_URL, application_name: 'listener' })
  listener.on('notification', ({ payload }) => {
    const { room, event, data } = JSON.parse(payload)
    deliver(room, event, data)
  })
  listener.on('error', () => {})
  listener.on('end', () => setTimeout(listen, 10))
  await listener.connect()
  await listener.query('listen deliveries')
}
await listen()

process.on('SIGUSR2', () => globalThis.gc?.())
http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`))
