// The session, stage by stage: `before` is spared, in `act` an allocation fails. starts: in the start of the edge, too; ends: the edge ends
// by itself.
import { token, until } from '../../integration/lib/world.mjs'

const text = (content) => ({ type: 'text', content })
const asking = (user) => ({ auth: { token: token(user), recovery: true } })

async function pair(s, ...transports) {
  s.a = await s.arrive(0, { transport: transports[0] })
  s.b = await s.arrive(1, { transport: transports[1] })
}

async function send(s, from, to) {
  const ack = await s.ask(from, 'chat:message:send', { chat_id: s.chat.id, ...text('hello'), client_id: `${s.acks.length}` })
  if (ack?.status !== 'sent' || !await s.hears(to, ack.message_id)) return
  await s.reach(from, () => from.heard('chat:message:delivered', { message_id: ack.message_id }).length, 'the receipt')
}

async function read(s, path) {
  const r = await fetch(`${s.edge.url}${path}`, { headers: { authorization: `Bearer ${token(s.people[0])}` } }).catch(() => null)
  if (r && r.status !== 200 && r.status !== 503) s.complain(`${path}: ${r.status}`)
}

export const stages = [
  { name: 'start', starts: true, act: (s) => s.connect(0) },
  { name: 'polling', act: (s) => s.connect(0, { transport: 'polling' }) },
  { name: 'websocket', act: (s) => s.connect(0) },
  {
    name: 'upgrade',
    async act(s) {
      const c = await s.connect(0, { transport: 'upgrade' })
      await s.upgraded(c)
    },
  },
  {
    name: 'join',
    before: (s) => pair(s, 'websocket', 'polling'),
    async act(s) {
      await s.ask(s.a, 'chat:join', { chat_id: s.chat.id })
      await s.ask(s.b, 'chat:join', { chat_id: s.chat.id })
      await s.ask(s.a, 'chat:typing', { chat_id: s.chat.id, is_typing: true })
      await s.ask(s.b, 'chat:leave', { chat_id: s.chat.id })
    },
  },
  { name: 'send', before: (s) => pair(s, 'websocket', 'polling'), act: (s) => send(s, s.a, s.b) },
  { name: 'send by polling', before: (s) => pair(s, 'polling', 'websocket'), act: (s) => send(s, s.a, s.b) },
  {
    name: 'receive',
    before: (s) => pair(s, 'websocket', 'polling'),
    async act(s) {
      const { id } = await s.write('from a service')
      await s.hears(s.a, id)
      await s.hears(s.b, id)
    },
  },
  {
    name: 'recover',
    async before(s) {
      s.a = await s.arrive(0, asking(s.people[0]))
      await s.reach(s.a, () => s.a.events.some((e) => e.event === '$o'), 'an offset')
    },
    async act(s) {
      await s.cut(s.a)
      const { id } = await s.write('missed')
      if (await s.comeBack(s.a) && s.a.socket.recovered && !s.a.heard('chat:message:new', { id }).length) s.complain('recovered without what was missed')
    },
  },
  {
    name: 'refresh',
    before: async (s) => { s.a = await s.arrive(0) },
    act: (s) => s.ask(s.a, 'auth:refresh', { token: token(s.people[0]) }),
  },
  { name: 'read', act: (s) => read(s, '/api/v2/chats') },
  {
    name: 'links',
    before: (s) => pair(s, 'websocket', 'polling'),
    async act(s) {
      await s.world.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge'")
      await s.ask(s.a, 'chat:message:send', { chat_id: s.chat.id, ...text('over a new link') })
      await until(() => s.edge.ended !== null || s.edge.ready(), 'ready')
    },
  },
  {
    name: 'drain',
    ends: true,
    before: (s) => pair(s, 'websocket', 'polling'),
    async act(s) {
      s.edge.signal('SIGTERM')
      await s.edge.process.gone
    },
  },
]
