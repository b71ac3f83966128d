// docs/tokens.md: why a token was refused, in the log, in the metric and by `bellwire token --check`; other claims; keys that are rows.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { BIN, seconds, SECRET, sign, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const ISS = 'auth.example'
const AUD = 'app'
const settings = { JWT_ISSUER: ISS, JWT_AUDIENCE: AUD }
const edge = await w.edge(settings)

const HS = { alg: 'HS256', typ: 'JWT' }
const good = (user, more = {}) => token(user, { iss: ISS, aud: AUD, ...more })

// What a command prints, and its exit code.
function run(args, env = {}, input = '') {
  const child = spawn(BIN, args, { env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', ...env } })
  let out = ''
  for (const s of [child.stdout, child.stderr]) s.on('data', (d) => { out += d })
  child.stdin.on('error', () => {}) // it may end before it reads
  child.stdin.end(input)
  return new Promise((resolve) => child.on('close', (code) => resolve({ out, code })))
}
const check = (t, env = {}) => run(['token', '--check', t], { DATABASE_URL: w.edgeUrl(), JWT_SECRET: SECRET, ...settings, ...env })

async function refused(c) {
  assert.equal(await c.down(), 'io server disconnect')
  assert.deepEqual(c.events.map((e) => e.event), ['error'])
  assert.deepEqual([c.heard('error')[0].code, c.heard('error')[0].message], ['UNAUTHORIZED', 'Invalid token'])
}

const lines = (cause, e = edge) => e.log.split('\n').filter((l) => / refused /.test(l) && new RegExp(`cause=${cause} why=`).test(l))

describe('the cause of a refused token', { concurrency: true }, () => {
  const BAD = {
    malformed: () => 'no token',
    algorithm: (u) => sign({ alg: 'HS512' }, { sub: u.id, exp: seconds() + 60, iss: ISS, aud: AUD }),
    signature: (u) => sign(HS, { sub: u.id, exp: seconds() + 60, iss: ISS, aud: AUD }, 'another secret, as long as a secret has to be'),
    expired: (u) => good(u, { exp: seconds() - 9 }),
    not_yet: (u) => good(u, { nbf: seconds() + 600 }),
    no_exp: (u) => good(u, { exp: undefined }),
    no_subject: () => good('', { sub: undefined }),
    subject: () => good('auth0|5f7c'),
    issuer: (u) => good(u, { iss: 'somebody else' }),
    audience: (u) => good(u, { aud: ['other'] }),
    user: () => good('00000000-0000-4000-8000-000000000000'),
    disabled: async (u) => { await w.sql('update platform.users set disabled_at = now() where id = $1', [u.id]); return good(u) },
  }
  for (const [cause, make] of Object.entries(BAD)) {
    test(cause, async () => {
      const user = await w.user(cause)
      const t = await make(user)
      const before = await edge.metric('bellwire_tokens_refused_total', { cause })
      await refused(w.client(user, { token: t }))
      assert.equal(await edge.metric('bellwire_tokens_refused_total', { cause }), before + 1)
      const line = await until(() => lines(cause)[0], `a line with cause=${cause}\n${edge.log}`)
      const why = / why="(.*?)" left_out/.exec(line)[1]
      assert.ok(!line.includes(t), 'the token is not in the log')
      assert.deepEqual(await check(t), { out: `refused: ${cause}: ${why}\n`, code: 1 })
    })
  }

  test('a good one', async () => {
    const user = await w.user('good')
    const exp = seconds() + 600
    const said = { out: `good: user ${user.id} until ${new Date(exp * 1000).toISOString()}\n`, code: 0 }
    assert.deepEqual(await check(good(user, { exp })), said)
    assert.deepEqual(await run(['token', '--check', '-'], { DATABASE_URL: w.edgeUrl(), JWT_SECRET: SECRET, ...settings }, `Bearer ${good(user, { exp })}\n`), said)
    const alone = await check(good(user, { exp }), { DATABASE_URL: '' })
    assert.equal(alone.code, 0)
    assert.match(alone.out, /DATABASE_URL is not set/)
  })
})

test('one line a second for each cause, whoever comes', async () => {
  const user = await w.user()
  const before = lines('audience').length
  const began = Date.now()
  await Promise.all(Array.from({ length: 30 }, () => refused(w.client(user, { token: good(user, { aud: 'x' }) }))))
  const most = (Date.now() - began) / 1000 + 2
  const seen = lines('audience').length - before
  assert.ok(seen <= most, `${seen} lines, at most ${most}`)
  const read = await fetch(`${edge.url}/api/v2/chats`, { headers: { authorization: `Bearer ${good(user, { exp: undefined })}` } })
  assert.equal(read.status, 401)
  assert.equal((await read.json()).message, 'Invalid token')
  await until(() => edge.log.split('\n').some((l) => / read refused .*cause=no_exp/.test(l)), 'reads say it too')
})

test('auth:refresh and HTTP reads say the cause too', async () => {
  const user = await w.user()
  const c = await w.connect(user, { token: good(user) })
  const before = await edge.metric('bellwire_tokens_refused_total', { cause: 'issuer' })
  assert.equal((await c.ask('auth:refresh', { token: good(user, { iss: 'x' }) })).message, 'Token not accepted')
  const read = await fetch(`${edge.url}/api/v2/chats`, { headers: { authorization: `Bearer ${good(user, { iss: 'x' })}` } })
  assert.equal(read.status, 401)
  assert.equal(await edge.metric('bellwire_tokens_refused_total', { cause: 'issuer' }), before + 2)
})

test('"Bearer " in front of a token is taken off, wherever it comes', async () => {
  const user = await w.user()
  const c = await w.connect(user, { token: `Bearer ${good(user)}` })
  assert.equal((await c.ask('auth:refresh', { token: `bearer  ${good(user)}` })).status, 'refreshed')
  await refused(w.client(user, { token: `Bearer Bearer ${good(user)}` }))
})

test('JWT_USER_CLAIM: another claim is the user', async () => {
  const user = await w.user()
  const other = await w.edge({ JWT_USER_CLAIM: 'https://app.example/user' })
  const claims = { sub: 'auth0|5f7c', 'https://app.example/user': user.id }
  const c = await w.connect(user, { edge: other, token: token('', claims) })
  assert.equal(c.heard('connected')[0].user_id, user.id)
  await refused(w.client(user, { edge: other, token: token(user) }))
  assert.equal(lines('no_subject', other).length, 1)
  const made = (await run(['token', '--user', user.id], { JWT_SECRET: SECRET, JWT_USER_CLAIM: 'https://app.example/user' })).out.trim()
  await w.connect(user, { edge: other, token: made })
  await other.stop()
})

describe('rt.user_of: ids that are something else', () => {
  const hooked = w.edge({ JWT_USER_HOOK: 'on' })
  const env = { JWT_USER_HOOK: 'on', JWT_ISSUER: '', JWT_AUDIENCE: '' }
  const asked = () => w.value('select last_value::int from idp_asked')
  const by = (sub, more = {}) => token('', { sub, jti: Math.random(), ...more })
  let edge
  const shows = (t) => w.client(null, { edge, auth: { token: t } })
  const read = async (t) => fetch(`${edge.url}/api/v2/chats`, { headers: { authorization: `Bearer ${t}` } })

  test('without the function: UNAVAILABLE, and the client is not refused', async () => {
    edge = await hooked
    edge.expected.push(/rt.user_of failed/)
    const c = shows(by('auth0|anna'))
    assert.equal((await c.hear('error')).code, 'UNAVAILABLE')
    assert.deepEqual(c.ends, [])
    c.close()
    assert.match(edge.log, /error rt.user_of failed .*problem="42883 function rt.user_of/)
    assert.match((await check(by('auth0|anna'), env)).out, /rt.user_of: 42883/)
  })

  test('asked once for a token, at connect, at refresh and for reads', async () => {
    await w.sql(`create sequence idp_asked;
      create table idp (sub text primary key, id uuid);
      create function rt.user_of(claims jsonb) returns uuid language plpgsql security definer set search_path = public as $$
      begin
        perform nextval('idp_asked');
        if claims ->> 'sub' like 'bad%' then raise exception 'no connection to the directory'; end if;
        return (select i.id from idp i where i.sub = claims ->> 'sub');
      end $$`)
    const [anna, boris] = await w.users('Анна', 'Борис')
    await w.sql("insert into idp values ('auth0|anna', $1), ('auth0|boris', $2), ('auth0|gone', gen_random_uuid())", [anna.id, boris.id])
    const t = by('auth0|anna')
    const c = await w.connect(anna, { edge, token: t })
    assert.equal(c.heard('connected')[0].user_id, anna.id)
    await w.notify(anna)
    await c.hear('notification:new')
    await w.connect(anna, { edge, token: `Bearer ${t}` })
    assert.equal((await c.ask('auth:refresh', { token: t })).status, 'refreshed')
    assert.equal((await read(t)).status, 200)
    assert.equal(await asked(), 1)
    assert.equal((await read(by('auth0|anna'))).status, 200)
    assert.equal((await c.ask('auth:refresh', { token: by('auth0|anna') })).status, 'refreshed')
    assert.equal((await c.ask('auth:refresh', { token: by('auth0|boris') })).message, 'Token not accepted')
    assert.equal(await asked(), 4)
    assert.match((await check(t, env)).out, new RegExp(`^good: user ${anna.id}`))
  })

  test('nobody, somebody without a row, and a signature that is wrong', async () => {
    await Promise.all([refused(shows(by('auth0|nobody'))), refused(shows(by('auth0|gone'))),
      refused(shows(`${by('auth0|anna').slice(0, -4)}AAAA`))])
    for (const cause of ['nobody', 'user', 'signature']) assert.equal(await edge.metric('bellwire_tokens_refused_total', { cause }), 1, cause)
    assert.equal((await read(by('auth0|nobody'))).status, 401)
    assert.match((await check(by('auth0|nobody'), env)).out, /^refused: nobody: /)
    const c = await shows(by('auth0|anna')).up()
    assert.equal((await c.ask('auth:refresh', { token: by('auth0|nobody') })).message, 'Token not accepted')
  })

  test('an error of the function is UNAVAILABLE everywhere; the next try may do', async () => {
    const t = by('bad|boris')
    const c = shows(t)
    assert.equal((await c.hear('error')).code, 'UNAVAILABLE')
    assert.deepEqual(c.ends, [])
    assert.equal((await read(t)).status, 503)
    const boris = await shows(by('auth0|boris')).up()
    assert.equal((await boris.ask('auth:refresh', { token: t })).code, 'UNAVAILABLE')
    await w.sql("create or replace function rt.user_of(claims jsonb) returns uuid language sql security definer as 'select id from public.idp where sub = ''auth0|boris'''")
    assert.equal((await read(t)).status, 200)
  })
})
