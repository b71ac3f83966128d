// What pages of docs/ and README.md show is run as it stands there (tests/env/blocks.mjs): blocks of SQL, each in a transaction that is rolled
// back; commands; the tutorial from its first line to its last, with what it says that is printed.
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
import { BIN, SECRET, sleep, token, until, world } from './lib/world.mjs'

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
  JWT_SECRET: SECRET, EDGE: edge.url }
const write = (name, text) => writeFileSync(join(dir, name), text)
// Runs lines of shell; answers what they print on standard output.
async function sh(code, stdin = '') {
  const running = promisify(execFile)('bash', ['-euc', code], { cwd: dir, env, timeout: 20000 })
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
  'docs/deployment.md': [[/\bother\b/g, 'template1'], [/^create role bellwire_owner;[^]*/, (all) => all.replaceAll('bellwire_', 'pages_').replace(' admin', ' postgres')]],
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
  const [keys, tokens] = blocks('docs/tokens.md').filter((b) => b.mark === 'run' && b.language === 'sh')
  assert.match(await sh(keys.code), /2026-11 +ES256/)
  const anna = tokens.code.replace(/[0-9a-f]{8}-\S+/, ANNA)
  assert.match(await sh(anna, token(ANNA)), new RegExp(`good: user ${ANNA} until`))
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
    } else if (mark === 'run') printed = await sh(code)
    else if (mark === 'heard') {
      heard += code.trim().split('\n').length
      await until(() => lines().length >= heard, () => `${where}\n${listener.out}`)
      assert.equal(lines().slice(heard - code.trim().split('\n').length).join('\n'), code.trim(), where)
    } else if (!language) assert.equal(printed.replace(/ +$/gm, ''), code, where)
    else assert.fail(`${where}: nobody runs it`)
  }
  assert.equal(heard, 2)
})
