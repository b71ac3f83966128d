// A stopped cluster with bellwire's schema and a small town in it, made once for the SQL of this tree and unpacked for each use.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { person, population } from './people.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const kept = join(process.env.B ?? join(root, 'build'), 'bench/instructions')

export const DATABASE = 'bench'
export const PEOPLE = 3000
export const ONLINE = 2000 // from this person on everybody has a socket, at an edge that is gone by now
export const EDGE = '0000000e-0000-4000-8000-000000000001'
const OTHER_EDGE = '0000000e-0000-4000-8000-000000000002'

function sources() {
  const files = ['migrations', 'sql', 'tests/bench/lib'].flatMap((dir) => readdirSync(join(root, dir), { recursive: true }).map((f) => join(root, dir, f)))
  const hash = createHash('sha256')
  for (const f of files.filter((f) => /\.sql$|manifest$|people\.mjs$|template\.mjs$/.test(f)).sort()) hash.update(f.slice(root.length)).update(readFileSync(f))
  return hash.digest('hex').slice(0, 16)
}

const quoted = (texts) => `{${texts.map((t) => `"${t.replace(/["\\]/g, '\\$&')}"`).join(',')}}`

async function furnish(url) {
  const c = new pg.Client(url)
  await c.connect()
  for (const s of population(PEOPLE)) await (Array.isArray(s) ? c.query(...s) : c.query(s))
  await c.query('reset session_replication_role')
  await c.query("update bellwire.settings set value = 'contacts' where name = 'presence_audience'")
  for (const edge of [EDGE, OTHER_EDGE]) await c.query('select rt.pump_open($1, $2)', [edge, 'bench'])
  await c.query('reset all') // the settings of a pump are of its session alone
  for (let i = ONLINE; i < PEOPLE; i += 50) {
    const sockets = Array.from({ length: 50 }, (_, k) => JSON.stringify({ socket_id: `there${i + k}`, user_id: person(i + k), recovery: false }))
    await c.query('select rt.socket_open($1, $2)', [OTHER_EDGE, quoted(sockets)])
  }
  // The settings that the edge's login gets at a connect: a single-user session is never that login.
  await c.query(`create table public.edge_settings as
    select split_part(s, '=', 1) as name, substr(s, strpos(s, '=') + 1) as value
    from pg_db_role_setting r, unnest(r.setconfig) s
    where r.setrole in (0, 'bellwire_edge'::regrole) and r.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    order by r.setrole, r.setdatabase`)
  await c.query('grant select on public.edge_settings to public')
  await c.query('vacuum analyze')
  await c.end()
}

// The packed cluster, made when there is none of these sources.
async function template() {
  const file = join(kept, `${sources()}.tar`)
  if (existsSync(file)) return file
  mkdirSync(kept, { recursive: true })
  const dir = mkdtempSync(join(tmpdir(), 'bellwire-template-'))
  execFileSync('chmod', ['755', dir])
  const env = { ...process.env, FSYNC: 'off', BELLWIRE_DEV_DATABASE_URL: '' }
  const postgres = (command) => execFileSync(join(root, 'tests/env/postgres'), [command, dir], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  try {
    postgres('start')
    const url = new URL(postgres('url'))
    const c = new pg.Client(url.href)
    await c.connect()
    await c.query(`create database ${DATABASE}`)
    await c.end()
    url.pathname = `/${DATABASE}`
    execFileSync(join(kept, '../../bellwire'), ['migrate'], { env: { PATH: process.env.PATH, MIGRATE_DATABASE_URL: url.href }, stdio: ['ignore', 'ignore', 'inherit'] })
    await furnish(url.href)
    postgres('stop')
    execFileSync('tar', ['-C', dir, '-cf', `${file}.${process.pid}`, 'data'])
    for (const old of readdirSync(kept)) if (old.endsWith('.tar')) rmSync(join(kept, old), { force: true })
    renameSync(`${file}.${process.pid}`, file)
  } finally {
    postgres('stop')
    rmSync(dir, { recursive: true, force: true })
  }
  return file
}

// fn({ dir, data, as }): a copy of its own under dir, which whoever runs `as` may write to. Gone afterwards.
export async function withCluster(fn) {
  const file = await template()
  const dir = mkdtempSync(join(tmpdir(), 'bellwire-single-'))
  try {
    execFileSync('tar', ['-C', dir, '-xf', file])
    const { uid, gid } = statSync(join(dir, 'data'))
    execFileSync('chown', [`${uid}:${gid}`, dir])
    return await fn({ dir, data: join(dir, 'data'), as: process.getuid() === 0 ? { uid, gid } : {} })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
