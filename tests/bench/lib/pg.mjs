// Writers by pgbench, and a standby at a distance.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const bin = '/usr/lib/postgresql/15/bin'

// Transactions a second of so many writers, each a script of its own statement.
export async function writers(url, clients, seconds, statement, dir) {
  const script = join(dir, 'writers.sql')
  writeFileSync(script, `${statement};\n`)
  const { stdout } = await promisify(execFile)(`${bin}/pgbench`, ['-n', '-c', clients, '-j', 2, '-T', seconds, '-M', 'prepared', '-f', script, url].map(String))
  const tps = /^tps = ([\d.]+)/m.exec(stdout)
  if (!tps) throw new Error(`pgbench: no rate within ${seconds} s\n${stdout}`)
  return Number(tps[1])
}

// A port from which the way to `port` takes that long; the way back takes nothing.
function distance(port, ms) {
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    const late = []
    near.on('data', (d) => {
      late.push(d)
      setTimeout(() => far.write(late.shift()), ms)
    })
    far.pipe(near)
    for (const [a, b] of [[near, far], [far, near]]) a.on('close', () => b.destroy()).on('error', () => {})
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

// A standby of the server at `url` whose commits are waited for, `ms` away; what undoes it. `data` is the primary's.
export async function standby(url, data, ms, sql) {
  const { uid, gid } = statSync(data)
  const as = { ...(process.getuid() === 0 ? { uid, gid } : {}), stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' }
  const dir = mkdtempSync(join(tmpdir(), 'bellwire-standby-'))
  execFileSync('chown', [`${uid}:${gid}`, dir])
  const primary = new URL(url)
  const line = await distance(Number(primary.port), ms)
  let running = false
  const undo = async () => {
    await sql('alter system reset synchronous_standby_names', 'select pg_reload_conf()')
    if (running) execFileSync(`${bin}/pg_ctl`, ['-D', `${dir}/data`, '-m', 'immediate', '-w', 'stop'], as)
    line.close()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    execFileSync(`${bin}/pg_basebackup`, ['-d', url, '-D', `${dir}/data`, '-X', 'stream', '-c', 'fast'], as)
    writeFileSync(`${dir}/data/standby.signal`, '')
    const free = await distance(0, 0)
    const { port } = free.address()
    free.close()
    const conninfo = `host=127.0.0.1 port=${line.address().port} user=${primary.username} password=${primary.password} application_name=far`
    writeFileSync(`${dir}/data/postgresql.auto.conf`, `port = ${port}\nprimary_conninfo = '${conninfo}'\nunix_socket_directories = ''\n`)
    execFileSync(`${bin}/pg_ctl`, ['-D', `${dir}/data`, '-l', `${dir}/log`, '-w', '-t', '60', '-s', 'start'], { ...as, stdio: 'ignore' })
    running = true
    await sql("alter system set synchronous_standby_names = 'far'", 'select pg_reload_conf()')
    // the standby tries again every 5 s, and its first try may have found nobody who forwards
    for (const until = Date.now() + 30000; !(await sql("select from pg_stat_replication where sync_state = 'sync'")).length;) {
      if (Date.now() > until) throw new Error('it does not follow')
      await sleep(100)
    }
    return undo
  } catch (e) {
    const log = running ? '' : (() => { try { return readFileSync(`${dir}/log`, 'utf8').slice(-1000) } catch { return '' } })()
    await undo()
    throw new Error(`no standby: ${e.message}\n${log}`)
  }
}
