// What a team would write with Socket.IO for Node in place of bellwire, in its quick form: `ws`, JWT by node:crypto, rooms
// from the same tables, rows inserted by `pg`, deliveries by NOTIFY with the event as payload (as @socket.io/postgres-adapter
// does). No presence, no receipts, no recovery, no limits.
//
//   DATABASE_URL, JWT_SECRET; prints "listening PORT". SIGUSR2 collects garbage (node --expose-gc).
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import pg from 'pg'
import { Server } from 'socket.io'

const { DATABASE_URL, JWT_SECRET } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL })
const listener = new pg.Client(DATABASE_URL)

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
    || array(select 'followers:' || f.followee_id from platform.follows f where f.follower_id = u.id) as rooms
  from platform.users u where u.id = $1 and u.disabled_at is null`

// One round trip and one commit: participant checked, row inserted, everybody told.
const SEND = `with m as (
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
    socket.data.user = sub
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
})

await listener.connect()
listener.on('notification', ({ payload }) => {
  const { room, event, data } = JSON.parse(payload)
  io.to(room).emit(event, data)
})
await listener.query('listen deliveries')

process.on('SIGUSR2', () => globalThis.gc?.())
http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`))
