// What pages of docs/ and README.md show is run as it stands there (tests/env/blocks.mjs): blocks of SQL, each in a transaction that is rolled
// back; commands; the tutorial from its first line to its last, with what it says that is printed; export and erasure of a person.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { block, blocks } from '../env/blocks.mjs'
import { BIN, SECRET, sleep, token, until, world } from '../integration/lib/world.mjs'

const w = await world(import.meta.url)
const root = fileURLToPath(new URL('../../', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
after(() => rmSync(dir, { recursive: true, force: true }))
mkdirSync(join(dir, 'bin'))
symlinkSync(BIN, join(dir, 'bin/bellwire'))
symlinkSync(join(root, 'tests/node_modules'), join(dir, 'node_modules'))

await w.sql(readFileSync(join(root, 'server/demo/data.sql'), 'utf8'))
const edge = await w.edge()
const [ANNA, BORIS, CLARA] = [1, 2, 3].map((n) => `a0000000-0000-4000-8000-00000000000${n}`)

// What `. build/run/env` sets, for these edges.
const env = { ...process.env, PATH: `${join(dir, 'bin')}:${dirname(process.execPath)}:${process.env.PATH}`, MIGRATE_DATABASE_URL: w.url(), OPERATOR_DATABASE_URL: w.url(), DATABASE_URL: w.edgeUrl(),
  JWT_SECRET: SECRET, EDGE: edge.url, BELLWIRE_ADMIN_LISTEN: `127.0.0.1:${edge.adminPort}` }
const PATIENCE_MS = 30000 // of conditions that start programs each time they are asked
const write = (name, text) => writeFileSync(join(dir, name), text)
// Runs lines of shell; answers what they print on standard output.
async function sh(code, stdin = '') {
  const running = promisify(execFile)('bash', ['-euc', code], { cwd: dir, env, timeout: 60000 })
  running.child.stdin.end(stdin)
  return (await running.catch((e) => { throw new Error(`${code}\n${e.stdout}${e.stderr}`) })).stdout
}
// A program that goes on, with what it has printed.
function go(code, more = {}) {
  const child = spawn('bash', ['-euc', `exec ${code}`], { cwd: dir, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'inherit'] })
  const p = { child, out: '' }
  child.stdout.on('data', (d) => { p.out += d })
  p.gone = new Promise((resolve) => child.on('close', resolve))
  after(async () => { child.kill(); await p.gone })
  return p
}

// What a page takes for granted, before each of its blocks.
const GIVEN = {
  'docs/emitter.md': 'create role my_service',
  'docs/operating.md': 'create role watcher',
  'docs/tokens.md': 'create schema app; create table app.accounts (subject text, user_id uuid)',
}
// Names of somebody's installation, and roles that every cluster here has already.
const MEANT = {
  'docs/emitter.md': [[/database app/g, `database ${w.database}`]],
  'docs/deployment.md': [[/\bother\b/g, 'template1'], [/^alter role bellwire_edge/, `alter role ${w.role('nobody')}`], [/^create role bellwire_owner;[^]*/, (all) => all.replaceAll('bellwire_', 'pages_').replace(' admin', ' postgres')]],
}
const SQL = ['docs/configuration.md', 'docs/deployment.md', 'docs/emitter.md', 'docs/monitoring/README.md', 'docs/operating.md', 'docs/push.md', 'docs/tokens.md']

test('SQL of every page', async () => {
  for (const page of SQL) {
    const all = blocks(page).filter((b) => b.mark === 'run' && b.language === 'sql')
    assert.ok(all.length > 0, `${page} has nothing to run`)
    for (const { line, code } of all) {
      const text = (MEANT[page] ?? []).reduce((t, [from, to]) => t.replace(from, to), code)
      await w.transaction(async (sql) => {
        await sql(text).catch((e) => { throw new Error(`${page}:${line}: ${e.message}\n${text}`) })
        await sql('rollback')
      }, [GIVEN[page] ?? 'select 1'])
    }
  }
})

test('commands of docs/tokens.md', async () => {
  const [rsa, ec] = [['rsa', { modulusLength: 2048 }], ['ec', { namedCurve: 'P-256' }]].map(([kind, options]) => generateKeyPairSync(kind, options).publicKey)
  write('issuer.pem', ec.export({ type: 'spki', format: 'pem' }))
  write('jwks.json', JSON.stringify({ keys: [{ ...rsa.export({ format: 'jwk' }), kid: '2026-10', alg: 'RS256', use: 'sig' }] }))
  write('sign.mjs', block('docs/tokens.md', 'file: sign.mjs'))
  const [signed, keys, tokens] = blocks('docs/tokens.md').filter((b) => b.mark === 'run' && b.language === 'sh')
  assert.match(await sh(signed.code), new RegExp(`good: user ${ANNA} until`))
  assert.match(await sh(keys.code), /2026-11 +ES256/)
  const anna = tokens.code.replace(/[0-9a-f]{8}-\S+/, ANNA)
  assert.match(await sh(anna, token(ANNA)), new RegExp(`good: user ${ANNA} until`))
})

test('the three commands of docs/troubleshooting.md', async () => {
  const anna = await w.connect({ id: ANNA })
  const printed = await sh(block('docs/troubleshooting.md', 'run: doctor'))
  for (const what of [`# database ${w.database}: `, 'ready', ANNA]) assert.ok(printed.includes(what), printed)
  anna.close()
})

test('the first event of README.md', async () => {
  const code = block('README.md', 'run: first client').replace('http://localhost:3000', edge.url).replace('<the token of Boris>', token(BORIS))
  write('client.mjs', code)
  const client = go('node client.mjs')
  await until(() => client.out.includes('sync:required'), () => client.out)
  await sh(block('README.md', 'run: first row').replace('<the printed URL>', w.url()))
  await until(() => /^chat:message:new \{[^]*content: 'written with psql'/m.test(client.out), () => client.out)
})

test('docs/tutorial.md, from the first line to the last', async () => {
  let [listener, printed, heard] = [null, '', 0]
  const lines = () => listener.out.split('\n').filter((l) => l && !/^(connected|sync:required|user:)/.test(l))
  for (const { line, language, mark, code } of blocks('docs/tutorial.md')) {
    const where = `docs/tutorial.md:${line}`
    if (mark.startsWith('not run: ')) continue
    if (mark.startsWith('file: ')) write(mark.slice(6), code)
    else if (mark === 'run: listener') {
      listener = go(code.trim().replace(/^TOKEN=\S+.*\) (.*) &$/, '$1'), { TOKEN: token(BORIS) })
      await until(() => listener.out.includes('sync:required'), () => listener.out)
    } else if (mark === 'run: until it is live') {
      const [before, behind] = code.split('sleep 1\n')
      await sh(before)
      const clara = await w.connect({ id: CLARA })
      await until(async () => (await clara.ask('order:cancel', { order_id: 1 })).code === 'FORBIDDEN' || sleep(100), where)
      printed = await sh(behind)
    } else if (mark === 'run: second edge') {
      const second = await w.edge()
      printed = await sh(code.split('\n')[1].replace('http://localhost:3001', second.url))
    } else if (mark === 'run') printed = await sh(code)
    else if (mark === 'heard') {
      heard += code.trim().split('\n').length
      await until(() => lines().length >= heard, () => `${where}\n${listener.out}`)
      assert.equal(lines().slice(heard - code.trim().split('\n').length).join('\n'), code.trim(), where)
    } else if (!language) assert.equal(printed.replace(/ +$/gm, ''), code, where)
    else assert.fail(`${where}: nobody runs it`)
  }
  assert.equal(heard, 3)
})

test('docs/retention.md: a person who has used everything is exported and erased, and nothing is left', async () => {
  const PERSON = '66c5d439-0000-4000-8000-00000000f533' // of the page
  const page = blocks('docs/retention.md')
  for (const { mark, code } of page) if (mark.startsWith('file: ')) write(mark.slice(6), code)
  const command = (name) => block('docs/retention.md', `run: ${name}`)
  const search = (text) => sh(command('search').replace(PERSON, text))
  await w.setting('presence_grace', 0)
  const erin = await w.user('Эрин Уникальная', { id: PERSON })
  const bob = await w.user('Боб')
  const chat = await w.chat(erin, bob)
  const [bobs, erins] = [await w.post(bob), await w.post(erin)]
  await w.sqlAs('service', "select rt.undelivered('1 day', 1)") // from here on what nobody takes is kept
  const b = await w.connect(bob)
  const e = await w.connect(erin, { auth: { token: token(erin), recovery: true } })
  await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2), ($2, $1)', [erin.id, bob.id])
  const { message_id } = await e.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'mine', client_id: 'one' })
  await b.ask('chat:message:read', { chat_id: chat.id, message_id })
  const other = await w.message(chat, bob, 'his')
  await e.ask('chat:message:read', { chat_id: chat.id, message_id: other.id })
  for (const c of [b, e]) await c.ask('chat:join', { chat_id: chat.id })
  await e.ask('chat:typing', { chat_id: chat.id, is_typing: true })
  await w.notify(erin, 'to her')
  await w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [bobs.id, erin.id])
  await w.sql("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'fine')", [bobs.id, erin.id])
  await w.message(chat, bob, erin.id, { type: 'profile_share', metadata: { name: erin.name, avatar: null, is_master: false } })
  await w.message(chat, bob, erins.id, { type: 'post_share', metadata: { author_name: erin.name } })
  await b.hear('chat:message:new', { type: 'post_share' })
  await e.hear('notification:new', { title: 'to her' })
  await until(async () => /platform\.message_receipts/.test(await search(erin.id)), 'a receipt', PATIENCE_MS)
  const found = await search(erin.id)
  for (const table of ['platform.users', 'platform.messages', 'platform.notifications', 'platform.post_likes', 'bellwire.presence', 'bellwire.sockets', 'bellwire.outbox_']) assert.ok(found.includes(table), found)

  await sh(command('export'))
  const all = JSON.parse(readFileSync(join(dir, 'person.json'), 'utf8'))
  assert.deepEqual(Object.fromEntries(Object.entries(all).map(([k, v]) => [k, Array.isArray(v) ? v.length : v.name])),
    { user: erin.name, follows: 1, followers: 1, chats: 1, messages: 1, receipts: all.receipts.length, notifications: 1, posts: 1, comments: 1, likes: 1 })
  assert.ok(all.receipts.some((r) => r.message_id === other.id && r.read_at))

  await sh(command('erase'))
  assert.equal(await e.down(), 'io server disconnect')
  const left = async () => (await Promise.all([erin.id, erin.name].map(search))).join('').split('\n').filter(Boolean)
  await until(async () => (await left()).every((l) => l.startsWith('bellwire.outbox_')), 'only the outbox has it', PATIENCE_MS)
  assert.ok((await left()).length > 0, 'the outbox has its last events')
  // a quarter of an hour later: they are in the former slot, and older than a tick
  await w.sql("delete from bellwire.ticks; insert into bellwire.ticks (at) values (clock_timestamp() - interval '15 minutes')")
  await until(async () => {
    for (const table of ['outbox', 'outbox_ephemeral']) await w.sql(`update bellwire.${table} set slot = (rt_private.outbox_slot(clock_timestamp()) + 2) % 3`)
    await w.sql("update bellwire.outbox_state set tried_at = '-infinity'")
    await w.sql('select rt_private.rotate()')
    return (await left()).length === 0
  }, 'nothing is left', PATIENCE_MS)

  const fay = await w.user('Фэй', { id: PERSON })
  const f = await w.connect(fay)
  await w.message(chat, bob, 'old')
  await sh('psql -qAtX "$MIGRATE_DATABASE_URL" -v ON_ERROR_STOP=1 -f prune.sql')
  assert.equal(await w.value("select count(*) from platform.messages where content = 'old'"), 1, 'what is young stays')
  await w.sql("alter table platform.messages disable trigger user; update platform.messages set created_at = now() - interval '3 years' where content = 'old'; alter table platform.messages enable trigger user")
  await sh('psql -qAtX "$MIGRATE_DATABASE_URL" -v ON_ERROR_STOP=1 -f prune.sql')
  assert.equal(await w.value("select count(*) from platform.messages where content = 'old'"), 0)
  await sh(`psql -qAtX "$MIGRATE_DATABASE_URL" -v ON_ERROR_STOP=1 -v person=${PERSON} -f anonymise.sql`)
  assert.equal(await f.down(), 'io server disconnect')
  assert.equal((await search('Фэй')).replace(/^bellwire\.outbox.*\n/gm, ''), '')
})
