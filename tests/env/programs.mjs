// Programs of Postgres that builds of npm lack (tests/env/postgres_build): the distribution's, where it is new enough for the server.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

const debian = '/usr/lib/postgresql'

// A path, or undefined where each pg_dump is older than the server, which it refuses to read. url: of the server.
export function pgDump(url) {
  const server = Number(execFileSync('psql', ['-qAtX', url, '-c', 'show server_version_num'], { encoding: 'utf8', env: { ...process.env, PGOPTIONS: '' } })) / 10000
  const newest = Math.max(...readdirSync(debian).map(Number).filter((n) => n >= 15))
  return newest >= Math.floor(server) ? `${debian}/${newest}/bin/pg_dump` : undefined
}

export const NO_DUMP = 'every pg_dump here is older than this Postgres'
