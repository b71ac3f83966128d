// bellwire verify: it finds what is wrong, and nothing where nothing is (docs/verify.md).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Liar } from './lib/liar.mjs'
import { checker, mortalEdge } from './lib/verify.mjs'
import { SANITIZED, until, world } from './lib/world.mjs'

const w = await world(import.meta.url, { login: true })
const [one, two] = await Promise.all([w.edge(), w.edge()])
const SECONDS = process.env.BELLWIRE_VERIFY_SECONDS ?? '9'
const { start, verify, kill } = checker(w)
after(kill)

const left = () => w.value(`select (select count(*) from bellwire.verify_people) + (select count(*) from bellwire.verify_chats)
  + (select count(*) from platform.users where name like 'bellwire verify %') + (select count(*) from platform.chats)`)

describe('verify, by itself', () => {
  test('a canary: an edge that is there and one that is not', async () => {
    const p = start([two, { url: 'http://127.0.0.1:9' }], '--every', '1', '--within', '8', '--metrics', '127.0.0.1:0')
    const port = (await until(() => /metrics at port (\d+)/.exec(p.out), () => p.err))[1]
    const page = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const figure = (text, name, edge) => Number(new RegExp(`^${name}{edge="${edge}"} (\\S+)$`, 'm').exec(text)?.[1])
    await until(async () => figure(await page(), 'bellwire_canary_good_rounds_total', two.url) >= 2, () => p.err)
    let text
    await until(async () => figure(text = await page(), 'bellwire_canary_success', two.url) === 1, () => p.err)
    assert.ok(figure(text, 'bellwire_canary_latency_seconds', two.url) > 0)
    assert.equal(figure(text, 'bellwire_canary_success', 'http://127.0.0.1:9'), 0)
    assert.ok(figure(text, 'bellwire_canary_bad_rounds_total', 'http://127.0.0.1:9') >= 2)
    assert.equal(figure(text, 'bellwire_canary_success_time_seconds', 'http://127.0.0.1:9'), 0)
    // docs/verify.md says what there is
    const doc = readFileSync(new URL('../../docs/verify.md', import.meta.url), 'utf8')
    assert.deepEqual([...doc.matchAll(/^\| `(bellwire_canary_\w+)` \| (\w+) \| (.*) \|$/gm)].map((m) => m.slice(1)),
      [...text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)].map((m) => [m[1], m[3], m[2]]))
    p.child.kill('SIGTERM')
    assert.equal(await p.gone, 0, p.err)
    await until(async () => await left() === 0, 'nothing is left')
  })

  test('what a run that died has left is removed by the next one', async () => {
    const p = start([two], '--minutes', '1')
    await until(() => w.value("select count(*) from platform.messages m join bellwire.verify_chats using (chat_id)"), 'messages')
    p.child.kill('SIGKILL')
    await p.gone
    assert.ok(await left() > 0)
    await w.sql("update bellwire.verify_runs set alive_until = clock_timestamp()") // half a minute later
    const r = await verify([two], '--seconds', '1')
    assert.equal(r.code, 0, JSON.stringify(r))
    // a poller that died between two polls is online until its heartbeat is missed, and its mark stays so long
    assert.equal(await w.value("select (select count(*) from platform.users where name like 'bellwire verify %') + (select count(*) from platform.chats)"), 0)
  })
})

// Each poll is a connection of its own, and one that a busy machine does not accept at once is tried again after 1, 3, 7 and 15 s: within 20 s nothing is
// late but what is kept back.
describe('verify', { concurrency: 6 }, () => {
  const WITHIN = 20
  const FOUND = { // the first six wait for that
    drop: 'delivered', pong: 'confirmed', presence: 'presence', 'offline, forged': 'presence', 'notification, lost': 'delivered', 'typing, lost': 'delivered',
    double: 'once', reorder: 'order', stranger: 'own', claim: 'untaken', hasty: 'untaken', change: 'whole', ack: 'stored',
    'notification, late': 'order', 'notification, astray': 'own', 'notification read, acked': 'stored',
    'like, twice': 'once', 'like, changed': 'whole', 'like, taken back': 'committed', 'read, acked': 'stored', 'read, forged': 'committed', 'delivered, forged': 'untaken',
    'typing, twice': 'once', 'typing, echoed': 'own', 'recovery, incomplete': 'recovered',
  }
  const firsts = Object.keys(FOUND).filter((lie, i, all) => all.findIndex((other) => FOUND[other] === FOUND[lie]) === i)
  const lies = SANITIZED ? firsts : Object.keys(FOUND) // one of each promise is enough there
  const POLLING = ['double', 'notification, astray', 'like, twice', 'read, acked']
  const LISTS = ['delivered', 'once', 'order']
  for (const [lie, polling] of [...lies.map((lie) => [lie, false]), ...POLLING.filter((lie) => lies.includes(lie)).map((lie) => [lie, true])]) {
    test(`a proxy that lies${polling ? ' to one who polls' : ''}, ${lie}: the broken promise is "${FOUND[lie]}"`, async () => {
      const liar = await new Liar(one.url, lie, { within: WITHIN * 1000, polling }).listen()
      try {
        const r = await verify(liar.edges(two), '--seconds', '180', '--within', WITHIN) // it ends when a lie is found; some have to wait for their victim
        assert.ok(liar.lied, `it never lied: ${liar.messages} messages to its victim; ${JSON.stringify(r)}`)
        assert.equal(r.broken, FOUND[lie], JSON.stringify(r))
        assert.equal(r.code, 1)
        assert.equal(r.kept, false)
        if (LISTS.includes(r.broken)) assert.ok(r.expected.length && r.heard.length, `the two lists: ${JSON.stringify(r)}`)
      } finally {
        liar.close()
      }
    })
  }

  test('TLS: by every transport, with a certificate that is good for the host, and no other; a private key signs', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
    after(() => rmSync(dir, { recursive: true, force: true }))
    const file = (name) => join(dir, name)
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=a',
      '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', file('key'), '-out', file('cert')], { stdio: 'ignore' })
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(file('public'), keys.publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(file('private'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const edge = await w.edge({ BELLWIRE_TLS_CERT_FILE: file('cert'), BELLWIRE_TLS_KEY_FILE: file('key'), JWT_SECRET: '', JWT_ALGORITHM: 'ES256', JWT_PUBLIC_KEY_FILE: file('public') })
    const at = (host) => ({ url: `https://${host}:${edge.port}` })
    const sign = ['--token-key', file('private')]
    let good
    const allKinds = () => good?.deliveries > 0 && good.confirmed > 0
    for (let tries = 0; tries < 10 && !allKinds(); tries++) { // what a second has is chance, and on a busy machine little
      good = await verify([at('127.0.0.1')], '--seconds', '1', ...sign, { SSL_CERT_FILE: file('cert') })
      assert.deepEqual([good.code, good.kept], [0, true], JSON.stringify(good))
    }
    assert.ok(allKinds(), JSON.stringify(good))
    for (const [host, env] of [['127.0.0.1', {}], ['localhost', { SSL_CERT_FILE: file('cert') }]]) {
      const r = await verify([at(host)], '--seconds', '1', '--within', '4', ...sign, env)
      assert.deepEqual([r.code, r.broken], [1, 'reached'])
      assert.match(r.what, /TLS failed/)
    }
    await edge.stop()
  })

  test('an edge that is not there, a key that is another, a database that is none', async () => {
    const nobody = await verify([{ url: 'http://127.0.0.1:9' }, two], '--seconds', '1', '--within', '2')
    assert.deepEqual([nobody.code, nobody.broken], [1, 'reached'])
    const other = await verify([two], '--seconds', '1', { JWT_SECRET: 'f'.repeat(32) })
    assert.deepEqual([other.code, other.broken], [1, 'taken'])
    const p = start([two], '--seconds', '1', '--database', 'postgresql://127.0.0.1:9/x')
    assert.equal(await p.gone, 1)
    assert.match(p.err, /Connection refused/)
    assert.match(p.out, /could not be shown/)
  })

  test('a command that fails behind the last message is waited for', async () => {
    const r = await verify([two], '--seconds', '5', '--kill', 'sleep 3; exit 3')
    assert.deepEqual([r.code, r.broken, r.commands, r.commands_failed], [1, undefined, 1, 1], JSON.stringify(r))
    assert.match(r.trouble, /--kill has never done/)
  })

  test('sessions of Postgres are ended, an edge is killed: every promise is kept, and nobody else hears of it', async () => {
    await w.sql(`grant pg_signal_backend to ${w.role('service')}`)
    const stranger = await w.connect(await w.user('Eve'), { edge: two })
    const mortal = await mortalEdge(w)
    const r = await verify([mortal, two], '--seconds', SECONDS, '--end-sessions', '--kill', `kill -9 $(cat ${mortal.pidFile})`)
    mortal.remove()
    assert.deepEqual([r.code, r.kept, r.broken], [0, true, undefined], JSON.stringify(r))
    for (const what of ['by_sql', 'by_client', 'deliveries', 'confirmed', 'cuts', 'hangs', 'recovered', 'sessions_ended', 'commands', 'presence']) assert.ok(r[what] > 0, `${what}: ${JSON.stringify(r)}`)
    assert.ok(await two.metric('bellwire_database_reconnects_total') > 0, 'sessions of edges were among those that were ended')
    const told = stranger.events.filter((e) => e.args[0].user_id !== stranger.user.id)
    assert.deepEqual(told, [], 'nothing of the people of verify')
    stranger.close()
  })
})
