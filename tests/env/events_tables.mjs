// The tables of docs/events.md about events. Their payloads, acks, what they do, what they are refused for and where they go are in
// docs/asyncapi.yaml; limits are in the routes. tests/env/pages takes these from sql/, tests/checks/events from a database.

// Rows of bellwire.routes, by event, as the files of sql/ make them.
export function routesOf(files) {
  const routes = {}
  for (const text of files) {
    for (const [, event, rest] of text.matchAll(/^select bellwire\.ensure_route\('([^']+)'([^;]*);/gm)) {
      const value = (name) => new RegExp(`p_${name} => '?([^',)]+)`).exec(rest)?.[1] ?? null
      const keys = ['max_bytes', 'rate_class', 'rate_per_s', 'rate_burst']
      routes[event] = Object.fromEntries(keys.map((k) => [k, value(k)]))
    }
  }
  return routes
}

export function eventTables(asyncapi, routes) {
  const at = (ref) => ref.slice(2).split('/').reduce((o, k) => o[k], asyncapi)
  const message = (m) => { let o = m; while (o.$ref) o = at(o.$ref); return o }
  // Keys in order, required ones first; a value that is always the same stands behind its key.
  const members = (s) => {
    if (s.$ref) return members(at(s.$ref))
    const parts = [s, ...(s.allOf ?? []).filter((p) => !p.if).map(members)]
    return { required: parts.flatMap((p) => p.required ?? []), properties: Object.assign({}, ...parts.map((p) => p.properties)) }
  }
  const keys = (m) => {
    const { required, properties } = members(m.payload)
    const text = (k) => {
      if (!required.includes(k)) return `\`${k}?\``
      return typeof properties[k].const === 'string' ? `\`${k}\` \`${properties[k].const}\`` : `\`${k}\``
    }
    const all = Object.keys(properties)
    return [...all.filter((k) => required.includes(k)), ...all.filter((k) => !required.includes(k))].map(text).join(', ')
  }
  const needs = (o, name, ...others) => {
    for (const k of ['description', ...others]) if (!o[k]) throw new Error(`docs/asyncapi.yaml: ${name} has no ${k}`)
  }
  const limit = (r) => (r.rate_per_s === null ? 'none' : `${Number(r.rate_per_s)}/s, burst ${r.rate_burst} (\`${r.rate_class}\`)`)

  const events = Object.values(asyncapi.operations).filter((o) => o.action === 'receive').map((o) => {
    const sent = message(o.messages[0])
    const name = sent.name.replace(' (client)', '')
    const route = routes[name]
    if (!route && !o['x-limit']) throw new Error(`${name}: no route and no x-limit`)
    needs(o, name, 'x-refusals')
    return { o, name, payload: keys(sent), ack: keys(message(o.reply.messages[0])), limit: route ? limit(route) : o['x-limit'],
      bytes: route ? ` ${route.max_bytes} ` : ' ' }
  })
  const sent = Object.values(asyncapi.operations).filter((o) => o.action === 'send').map((o) => {
    const { name } = message(o.messages[0])
    needs(o, name, 'x-goes-to')
    return `| \`${name}\` | ${keys(message(o.messages[0]))} | ${o['x-goes-to']} | ${o.description} |\n`
  })
  return {
    'client events': `| event | payload | ack | limit per user | payload bytes |\n|---|---|---|---|---|\n${
      events.map((e) => `| \`${e.name}\` | ${e.payload} | ${e.ack} | ${e.limit} |${e.bytes}|\n`).join('')}`,
    'what client events do': `| event | what it does | refusals of its own |\n|---|---|---|\n${
      events.map((e) => `| \`${e.name}\` | ${e.o.description} | ${e.o['x-refusals']} |\n`).join('')}`,
    'events to clients': `| event | payload | goes to | caused by |\n|---|---|---|---|\n${sent.join('')}`,
  }
}
