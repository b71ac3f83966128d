// Tables and functions as the catalogue of a migrated database has them, for docs/tables.md and docs/functions.md: `make pages` writes them,
// tests/checks/events compares.

const cell = (text) => (text ?? '').replaceAll('|', '\\|').replaceAll('<', '\\<').replaceAll('\n', ' ')

const TABLES = `
  select c.relname as table, obj_description(c.oid) as about, k.keys, a.columns
    from pg_class c
    cross join lateral (
      select json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod), 'null', not attnotnull,
               'default', pg_get_expr(adbin, adrelid), 'about', col_description(attrelid, attnum)) order by attnum) as columns
        from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
       where attrelid = c.oid and attnum > 0 and not attisdropped) a
    cross join lateral (
      select json_agg(pg_get_constraintdef(oid, true) order by contype = 'c', contype = 'f', contype = 'u', conname) as keys
        from pg_constraint where conrelid = c.oid and contype <> 't' and contype <> 'n') k
   where c.relnamespace = $1::regnamespace and c.relkind = 'r' and ($2::text[] is null or c.relname = any($2))
   order by c.oid`

const FUNCTIONS = `
  select n.nspname || '.' || p.proname as name, pg_get_function_arguments(p.oid) as takes, pg_get_function_result(p.oid) as returns, obj_description(p.oid) as about
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where n.nspname in ('rt', 'platform') and p.prokind = 'f'
     and exists (select from aclexplode(p.proacl) where grantee = $1::regrole and privilege_type = 'EXECUTE')
   order by 1`

// As it is written in SQL, not as the catalogue prints it.
const short = (text) => (text ?? '').replace(/('|NULL|\)|\d)::(text|jsonb|interval|uuid|numeric)(\[\])?/g, '$1').replace(/= ANY \(ARRAY\[(.*?)\]\)/, 'in ($1)').replace(/\t/g, '\\t').replace(/\n/g, '\\n')
  .replace(/\r/g, '\\r').replaceAll('timestamp with time zone', 'timestamptz').replaceAll(' DEFAULT ', ' default ')
const inTable = (text) => (text ? `\`${short(text).replaceAll('|', '\\|')}\`` : '')

function table({ table: name, about, keys, columns }, schema) {
  const rows = columns.map((c) => `| \`${c.name}\` | ${short(c.type)}${c.null ? ', may be null' : ''} | ${inTable(c.default)} | ${cell(c.about)} |`)
  return [`### ${schema}.${name}`, '', cell(about), '', '| column | type | default | |', '|---|---|---|---|', ...rows, '', ...(keys ?? []).map((k) => `- \`${short(k)}\``), ''].join('\n')
}

const fn = (f) => `| \`${f.name}(${short(f.takes)})\` | ${inTable(f.returns)} | ${cell(f.about)} |`

// sql(text, values): rows. Answers {page: {mark: text}}.
export async function catalogueTables(sql) {
  const tables = async (schema, only = null) => (await sql(TABLES, [schema, only])).map((t) => table(t, schema)).join('\n')
  const functions = async (role) => ['| function | returns | what |', '|---|---|---|', ...(await sql(FUNCTIONS, [role])).map(fn), ''].join('\n')
  return {
    'docs/tables.md': { platform: `\n${await tables('platform')}\n`, bellwire: `\n${await tables('bellwire', ['settings', 'routes', 'room_sources', 'token_keys'])}\n` },
    'docs/functions.md': { services: await functions('bellwire_service'), operators: await functions('bellwire_operator') },
  }
}
