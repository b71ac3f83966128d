// One backend of Postgres in single-user mode under callgrind: what statements cost, in instructions of user mode. No kernel, no
// cache, no other process; a repeat differs by less than 1 %.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DATABASE } from './template.mjs'

const POSTGRES = '/usr/lib/postgresql/15/bin/postgres'
// callgrind writes its counts and begins anew at each call of this function, which nothing else calls.
const MARK = 'select pg_conf_load_time()'

const works = () => !spawnSync('valgrind', ['--version']).error

// There is a valgrind, or there is one now.
export const present = () => works() || (spawnSync(fileURLToPath(new URL('../../env/packages', import.meta.url)), ['--valgrind'], { stdio: 'ignore' }), works())

function run({ dir, data, as }, input) {
  const args = ['--tool=callgrind', '--dump-before=pg_conf_load_time', `--callgrind-out-file=${dir}/counts`,
    POSTGRES, '--single', '-c', 'fsync=off', '-c', 'log_min_messages=warning', '-D', data, DATABASE]
  return new Promise((resolve, reject) => {
    const child = execFile('valgrind', args, { ...as, cwd: dir, maxBuffer: 1 << 30 }, (e, stdout, stderr) => {
      const said = stderr.split('\n').filter((l) => /ERROR|FATAL|PANIC/.test(l))
      if (e || said.length) reject(new Error([e?.message.split('\n')[0], ...said.slice(0, 5), ...(e ? stderr.split('\n').slice(-5) : [])].join('\n')))
      else resolve(stdout)
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

// A profile by function: { name: { self, calls: { callee: instructions, those of its own callees included } } }.
export function functions(text) {
  const names = new Map()
  const found = {}
  const named = (line) => {
    const [, id, name] = /=\((\d+)\)(?: (.*))?$/.exec(line)
    if (name !== undefined) names.set(id, name)
    return names.get(id)
  }
  let at, callee
  for (const line of text.split('\n')) {
    if (line.startsWith('fn=')) at = found[named(line)] ??= { self: 0, calls: {} }
    else if (line.startsWith('cfn=')) callee = named(line)
    else if (/^[\d+*-]/.test(line)) {
      const cost = Number(line.slice(line.indexOf(' ') + 1))
      if (callee === undefined) at.self += cost
      else at.calls[callee] = (at.calls[callee] ?? 0) + cost
      callee = undefined
    }
  }
  return found
}

// Only a single-user session prints its results so; making text of them costs every session.
function printing(profile) {
  let sum = 0
  for (const name of ['debugtup', 'debugStartup']) {
    const { self, calls } = profile[name] ?? { self: 0, calls: {} }
    sum += self + Object.entries(calls).reduce((n, [callee, cost]) => n + (callee === 'OidOutputFunctionCall' ? 0 : cost), 0)
  }
  return sum
}

// Statements run unmeasured, then those of `measured`: { instructions, functions } of these.
// A statement is one line: single-user mode ends it there.
export async function profile(cluster, before, measured) {
  const lines = [...before, MARK, MARK, ...measured, MARK]
  const bad = lines.find((l) => l.includes('\n'))
  if (bad) throw new Error(`a statement of several lines: ${bad}`)
  await run(cluster, `${lines.join('\n')}\n`)
  // .1: all before; .2: a mark alone; .3: the statements and a mark
  if (existsSync(join(cluster.dir, 'counts.4'))) throw new Error('a statement calls the function that marks')
  const [empty, full] = [2, 3].map((n) => readFileSync(join(cluster.dir, `counts.${n}`), 'utf8')).map((text) => {
    const of = functions(text)
    return { instructions: Number(/^summary: (\d+)/m.exec(text)[1]) - printing(of), functions: of }
  })
  return { instructions: full.instructions - empty.instructions, functions: full.functions }
}
