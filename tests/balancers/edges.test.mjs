// docs/deployment/nginx.conf and haproxy.cfg as they stand there, in front of two edges.
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { TRANSPORTS } from '../integration/lib/client.mjs'
import { until, world } from '../integration/lib/world.mjs'
import { certificate, directory, example, freePort, running, tool } from './lib/programs.mjs'

const w = await world(import.meta.url)
const dir = directory()
const ca = certificate(dir)
chmodSync(dir, 0o755)

const settings = { BELLWIRE_TRUSTED_PROXIES: '127.0.0.0/8', BELLWIRE_DRAIN_MS: '600' }

const nginx = {
  async start(edges, change = (t) => t) {
    const port = await freePort()
    const file = join(dir, `nginx-${port}.conf`)
    writeFileSync(file, `daemon off;\npid ${file}.pid;\nerror_log stderr;\n${process.getuid() === 0 ? 'user root;\n' : ''}` + change(example('nginx.conf',
      ['worker_processes auto', 'worker_processes 2'], ['worker_rlimit_nofile 65536', 'worker_rlimit_nofile 4096'], ['worker_connections 32768', 'worker_connections 1024'],
      ['http {', `http {\n\taccess_log off;\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `\t${n}_temp_path ${dir}/${n};`).join('\n')}`],
      ['10.0.0.11:3000', `127.0.0.1:${edges[0].port}`], ['10.0.0.12:3000', `127.0.0.1:${edges[1].port}`],
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`], ['/etc/nginx/bellwire.crt', `${dir}/crt`], ['/etc/nginx/bellwire.key', `${dir}/key`])))
    return { port, ...await running(tool('nginx'), ['-c', file, '-p', dir, '-e', 'stderr'], port) }
  },
  unsticky: (text) => text.replace(/^.*hash \$remote_addr.*$/m, ''),
}

const haproxy = {
  edge: { BELLWIRE_COOKIE: 'io' },
  async start(edges, change = (t) => t) {
    const port = await freePort()
    const file = join(dir, `haproxy-${port}.cfg`)
    writeFileSync(file, change(example('haproxy.cfg', ['maxconn 65536', 'maxconn 1000'], ['bind :443 ', `bind 127.0.0.1:${port} `], ['/etc/haproxy/bellwire.pem', `${dir}/pem`],
      ['check port 9464 ', 'check '], ['server edge1 10.0.0.11:3000', `server edge1 127.0.0.1:${edges[0].port} port ${edges[0].adminPort}`],
      ['server edge2 10.0.0.12:3000', `server edge2 127.0.0.1:${edges[1].port} port ${edges[1].adminPort}`])))
    return { port, ...await running(tool('haproxy'), ['-db', '-f', file], port) }
  },
  unsticky: (text) => text.replace(/^\tstick .*$/gm, '').replace('balance leastconn', 'balance roundrobin'),
}

// A client whose address is 127.0.0.<n>.
const from = (n) => ({ agent: new Agent({ localAddress: `127.0.0.${n}`, ca, keepAlive: true }), ca })

const unknown = async (edges) => (await Promise.all(edges.map((e) => e.metric('bellwire_handshakes_refused_total', { code: '1' })))).reduce((a, b) => a + b)
const sockets = (edges) => Promise.all(edges.map((e) => e.metric('bellwire_sockets')))

for (const [name, balancer] of Object.entries({ nginx, haproxy })) {
  const edges = [await w.edge({ ...settings, ...balancer.edge }), await w.edge({ ...settings, ...balancer.edge })]
  const front = await balancer.start(edges)
  const through = { url: `https://127.0.0.1:${front.port}` }
  const connect = (user, n, options) => w.connect(user, { edge: through, ...from(n), ...options })

  // A chat's clients, each with an address of its own: as many as asked, and more until both edges have some (by addresses
  // that is chance).
  async function crowd(size, options, at = { edges, connect }) {
    const clients = []
    const chat = await w.chat()
    do {
      const people = await w.users(...Array.from({ length: clients.length ? 1 : size }, (_, i) => `u${clients.length + i}`))
      for (const u of people) await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, u.id])
      const n = clients.length
      clients.push(...await Promise.all(people.map((u, i) => at.connect(u, 10 + n + i, options(n + i)))))
    } while (clients.length < 60 && (await sockets(at.edges)).includes(0))
    return { chat, clients }
  }

  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${name}: ${transport}: twelve clients, all served, on both edges, each on one`, async () => {
      // Edges of its own: a GET that a client of another test had under way when it said 1 may come behind that, and is then of no session.
      const edges = [await w.edge({ ...settings, ...balancer.edge }), await w.edge({ ...settings, ...balancer.edge })]
      const front = await balancer.start(edges)
      const { chat, clients } = await crowd(12, () => ({ transport }), { edges, connect: (user, n, options) => w.connect(user, { edge: { url: `https://127.0.0.1:${front.port}` }, ...from(n), ...options }) })
      for (const c of clients) {
        const ack = await c.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `from ${c.user.name}` })
        assert.equal(ack.status, 'sent')
      }
      for (const c of clients) {
        await c.hear('chat:message:new', undefined, clients.length)
        assert.deepEqual(c.ends, [])
      }
      const on = await sockets(edges)
      assert.ok(on.every((n) => n > 0), `both edges have clients: ${on}`)
      assert.equal(await unknown(edges), 0, 'no request came to an edge that does not know its session')
      // what the edges believe about the clients' addresses
      const log = edges.map((e) => e.log).join('\n')
      clients.forEach((c, i) => assert.match(log, new RegExp(`info connected sid=${c.id} .*peer=127\\.0\\.0\\.${10 + i} `), `the edge knows the address of ${i}`))
      for (const c of clients) c.close()
      await until(async () => (await sockets(edges)).every((n) => n === 0), 'all gone')
      await front.stop()
      for (const e of edges) await e.kill()
    })
  }

  test(`${name}: an address that a client claims is not passed on`, async () => {
    const c = await connect(await w.user(), 50, { extraHeaders: { 'X-Forwarded-For': '8.8.8.8' } })
    const log = edges.map((e) => e.log).join('\n')
    assert.match(log, new RegExp(`info connected sid=${c.id} .*peer=127\\.0\\.0\\.50 `))
    c.close()
  })

  test(`${name}: an edge drains: its clients come back on the other one, the rest notices nothing`, async () => {
    await until(async () => (await sockets(edges)).every((n) => n === 0), 'those of the test before are gone')
    const { chat, clients } = await crowd(9, (i) => ({ transport: Object.keys(TRANSPORTS)[i % 3], reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 }))
    const [first, second] = edges
    const stay = clients.filter((c) => second.log.includes(`info connected sid=${c.id} `))
    assert.deepEqual(await sockets(edges), [clients.length - stay.length, stay.length])
    await first.stop()
    await until(() => clients.every((c) => c.socket.connected && (stay.includes(c) || c.ends.length)), () => `${clients.length} on the second edge: ${clients.map((c) => `${c.transport} ${c.socket.connected} ${c.ends} ${c.connectError ?? ''}`).join('; ')}\n${second.log.slice(-3000)}`, 15000)
    for (const c of stay) assert.deepEqual(c.ends, [], `who was there stayed: ${c.id}, ${c.options?.transport ?? c.transport}\n${second.log.slice(-3000)}`)
    await w.message(chat, clients[0].user, 'after the move')
    for (const c of clients) await c.hear('chat:message:new', { content: 'after the move' })
    for (const c of clients) c.close()
  })

  test(`${name}: without its stickiness polling fails: the tests above would see it`, async () => {
    const pair = [await w.edge({ ...settings, ...balancer.edge }), await w.edge({ ...settings, ...balancer.edge })]
    const loose = await balancer.start(pair, balancer.unsticky)
    const clients = await Promise.all(Array.from({ length: 6 }, async (_, i) => w.client(await w.user(), { edge: { url: `https://127.0.0.1:${loose.port}` }, ...from(70 + i), transport: 'polling' })))
    await until(async () => await unknown(pair) > 0, 'a session that an edge does not know')
    for (const c of clients) c.close()
    await loose.stop()
    for (const e of pair) await e.kill()
  })

  test(`${name}: its timeouts are above the heartbeat's`, () => {
    const text = example(name === 'nginx' ? 'nginx.conf' : 'haproxy.cfg')
    const wanted = name === 'nginx' ? ['proxy_read_timeout', 'proxy_send_timeout'] : ['timeout client', 'timeout server', 'timeout tunnel']
    for (const t of wanted) assert.ok(Number(new RegExp(`${t} +(\\d+)s`).exec(text)?.[1]) * 1000 > 25000 + 20000, t)
  })
}
