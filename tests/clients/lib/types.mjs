// TypeScript and Dart from docs/asyncapi.yaml. Both follow the schemas as they are written there: an object becomes an interface or a
// class, an enumeration a union of texts, and message_body, whose `if` and `then` say what metadata each type has, a union of types.
//
//   node tests/clients/lib/types.mjs      writes docs/clients/bellwire.d.ts and bellwire_models.dart
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const root = new URL('../../../', import.meta.url)
export const asyncapi = parse(readFileSync(new URL('docs/asyncapi.yaml', root), 'utf8'))
const { messages, schemas } = asyncapi.components

const last = (ref) => ref.replace(/.*\//, '')
const pascal = (name) => name.split(/[._:]/).map((w) => w[0].toUpperCase() + w.slice(1)).join('')
const camel = (name) => pascal(name).replace(/^./, (c) => c.toLowerCase())
const operations = (action) => Object.values(asyncapi.operations).filter((o) => o.action === action)
const messageOf = (reference) => last(reference.$ref)

// Client events with the message of their ack, and events from the server; each with its summary.
export const fromClients = operations('receive').map((o) => ({ message: messageOf(o.messages[0]), ack: messageOf(o.reply.messages[0]), summary: o.summary }))
export const toClients = operations('send').map((o) => ({ message: messageOf(o.messages[0]), summary: o.summary }))
export const eventOf = (message) => messages[message].name.replace(/ \((client|ack)\)$/, '')

const isBody = (schema) => schema.allOf?.some((s) => s.if)
const resolve = (schema) => (schema.$ref && !['uuid', 'time', 'code'].includes(last(schema.$ref)) ? schemas[last(schema.$ref)] : schema)

// The properties and required keys of an object, over its parts.
function members(schema) {
  const s = resolve(schema)
  const parts = [s, ...(s.allOf ?? []).filter((p) => !p.if).map((p) => members(p))]
  return { properties: Object.assign({}, ...parts.map((p) => p.properties)), required: parts.flatMap((p) => p.required ?? []), body: isBody(s) || parts.slice(1).some((p) => p.body) }
}

const union = (names) => names.map((n) => `'${n}'`).join(' | ')

// ---- TypeScript ----

function ts(schema, indent) {
  if (schema.$ref) return pascal(last(schema.$ref))
  if (schema.anyOf) return schema.anyOf.map((s) => ts(s, indent)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const).replaceAll('"', "'")
  if (schema.enum) return union(schema.enum)
  if (Array.isArray(schema.type)) return schema.type.map((type) => ts({ type }, indent)).join(' | ')
  if (schema.type === 'object') return schema.properties ? tsObject(schema, indent) : 'Record<string, unknown>'
  return { integer: 'number', number: 'number', string: 'string', boolean: 'boolean', null: 'null' }[schema.type]
}

function tsObject(schema, indent = '') {
  const { properties, required } = members(schema)
  const lines = Object.entries(properties).map(([key, s]) => `${indent}  ${key}${required.includes(key) ? '' : '?'}: ${ts(s, `${indent}  `)}`)
  return `{\n${lines.join('\n')}\n${indent}}`
}

const without = (schema, keys) => ({ ...schema, allOf: undefined, properties: Object.fromEntries(Object.entries(members(schema).properties).filter(([k]) => !keys.includes(k))),
  required: members(schema).required })

function tsNamed(name, schema) {
  if (!members(schema).body) return `export interface ${name} ${tsObject(schema)}`
  const own = without(schema, Object.keys(schemas.message_body.properties))
  // a message that has arrived has metadata, if only {}
  const body = members(schema).required.includes('metadata') ? 'MessageBody & { metadata: Record<string, unknown> }' : 'MessageBody'
  return `export type ${name} = ${body} & ${tsObject(own)}`
}

function tsBody() {
  const one = ({ if: { properties: { type } }, then }) => {
    const metadata = then.properties?.metadata
    const shape = metadata ? `${tsObject(metadata, '      ')} & Record<string, unknown>` : 'Record<string, unknown>'
    return `  | {\n      type: '${type.const}'\n      content: string\n      metadata${then.required?.includes('metadata') ? '' : '?'}: ${shape}\n    }`
  }
  return `/** What a message says: \`type\` tells what \`content\` and \`metadata\` are. Further keys of \`metadata\` are kept as they are. */
export type MessageBody =\n${schemas.message_body.allOf.map(one).join('\n')}`
}

const typeName = (message) => {
  const { payload } = messages[message]
  return payload.$ref ? pascal(last(payload.$ref)) : pascal({ error: 'failure', 'refused.ack': 'refused' }[message] ?? message)
}

export function typescript() {
  const events = (list, line) => list.map((o) => `  /** ${o.summary} */\n  '${eventOf(o.message)}': ${line(o)}`).join('\n')
  const named = new Map()
  for (const name of ['message', 'notification']) named.set(pascal(name), schemas[name])
  for (const { message, ack } of [...toClients, ...fromClients]) {
    for (const m of [message, ack].filter(Boolean)) named.set(typeName(m), messages[m].payload.$ref ? schemas[last(messages[m].payload.$ref)] : messages[m].payload)
  }
  named.set('Refused', messages['refused.ack'].payload)
  return `// Made from docs/asyncapi.yaml by tests/clients/lib/types.mjs; do not edit.
//
//   const socket: BellwireSocket = io(url, { auth: { token } })
import type { Socket } from 'socket.io-client'

/** A uuid as text. */
export type Uuid = string
/** UTC with milliseconds: 2026-01-10T12:00:00.000Z */
export type Time = string
export type Code = ${union(schemas.code.enum)}
export type MessageType = MessageBody['type']
export type NotificationType = Notification['type']

${tsBody()}

${[...named].map(([name, schema]) => tsNamed(name, schema)).join('\n\n')}

/** Events to clients. */
export interface ServerToClient {
${events(toClients, (o) => `(data: ${typeName(o.message)}) => void`)}
}

/** Events from clients, with the callback that takes the ack; \`emitWithAck\` answers the same. */
export interface ClientToServer {
${events(fromClients, (o) => `(payload: ${typeName(o.message)}, ack: (answer: ${typeName(o.ack)} | Refused) => void) => void`)}
}

/** \`Socket<ServerToClient, ClientToServer>\`, and \`emit\` without a callback. */
export type BellwireSocket = Socket<ServerToClient, ClientToServer> & {
  emit<Event extends keyof ClientToServer>(event: Event, payload: Parameters<ClientToServer[Event]>[0]): BellwireSocket
}
`
}

// ---- Dart ----

const CLASSES = { 'chat.message.send.ack': 'MessageSent', 'auth.refresh.ack': 'TokenRefreshed', 'chat.message.read.ack': 'MessageReadAck', 'notification.read.ack': 'NotificationReadAck',
  'chat.typing.client': null, 'chat.message.read.client': null, 'notification.read.client': null }

function dartType(schema) {
  if (schema.$ref) return last(schema.$ref) === 'time' ? 'DateTime' : 'String'
  if (schema.anyOf) return `${dartType(schema.anyOf.find((s) => s.type !== 'null'))}?`
  if (schema.const !== undefined) return { boolean: 'bool', string: 'String' }[typeof schema.const]
  if (Array.isArray(schema.type)) return `${dartType({ type: schema.type.find((t) => t !== 'null') })}?`
  return { integer: 'int', number: 'num', string: 'String', boolean: 'bool', object: 'Map<String, dynamic>' }[schema.type]
}

function dartClass(name, schema, doc) {
  const { properties, required } = members(schema)
  const extra = []
  const fields = Object.entries(properties).map(([key, s]) => {
    let type
    if (s.type === 'object' && s.properties) {
      type = `${name}${pascal(key)}`
      extra.push(dartClass(type, s, `\`${key}\` of [${name}].`))
    } else {
      type = dartType(s)
    }
    if (!required.includes(key) && !type.endsWith('?')) type += '?'
    return { key, field: camel(key), type }
  })
  const read = ({ key, type }) => {
    const bare = type.replace('?', '')
    const value = `json['${key}']`
    const get = bare === 'DateTime' ? `DateTime.parse(${value} as String)`
      : bare === 'Map<String, dynamic>' ? `Map<String, dynamic>.from(${value} as Map)`
      : extra.length && bare === `${name}${pascal(key)}` ? `${bare}.fromJson(Map<String, dynamic>.from(${value} as Map))`
      : null
    if (!get) return `${value} as ${type}`
    return type.endsWith('?') ? `${value} == null ? null : ${get}` : get
  }
  return [`/// ${doc}
class ${name} {
  const ${name}({
${fields.map((f) => `    ${f.type.endsWith('?') && !required.includes(f.key) ? '' : 'required '}this.${f.field},`).join('\n')}
  });

  factory ${name}.fromJson(Map<String, dynamic> json) => ${name}(
${fields.map((f) => `        ${f.field}: ${read(f)},`).join('\n')}
      );

${fields.map((f) => `  final ${f.type} ${f.field};`).join('\n')}
}`, ...extra].join('\n\n')
}

const dartConstants = (name, doc, values) => `/// ${doc}
abstract final class ${name} {
${values.map(([field, value]) => `  static const ${field} = '${value}';`).join('\n')}
}`

export function dart() {
  const events = [...new Set([...fromClients, ...toClients].map((o) => eventOf(o.message)))]
  const classes = new Map()
  for (const o of toClients) {
    const { payload } = messages[o.message]
    classes.set(typeName(o.message), [payload, `\`${eventOf(o.message)}\`: ${o.summary}`])
  }
  for (const o of fromClients) {
    const name = CLASSES[o.ack] ?? pascal(o.ack)
    classes.set(name, [messages[o.ack].payload, `The ack of \`${eventOf(o.message)}\`.`])
  }
  classes.set('Refused', [messages['refused.ack'].payload, 'The ack of an event that was refused.'])
  return `// Made from docs/asyncapi.yaml by tests/clients/lib/types.mjs; do not edit.
//
//   import 'bellwire_models.dart' as bw;         // Flutter has a Notification of its own
//   socket.on(bw.Events.chatMessageNew, (data) => bw.Message.fromJson(Map<String, dynamic>.from(data as Map)));

${dartConstants('Events', 'Names of events, in both directions.', events.map((e) => [camel(e), e]))}

${dartConstants('Codes', 'What `code` of an error is one of.', schemas.code.enum.map((c) => [camel(c.toLowerCase()), c]))}

${dartConstants('MessageTypes', 'What `type` of a message is one of.', schemas.message_body.properties.type.enum.map((t) => [camel(t), t]))}

${dartConstants('NotificationTypes', 'What `type` of a notification is one of.', schemas.notification.properties.type.enum.map((t) => [camel(t), t]))}

${[...classes].map(([name, [schema, doc]]) => dartClass(name, schema, doc)).join('\n\n')}
`
}

export const FILES = { 'bellwire.d.ts': typescript, 'bellwire_models.dart': dart }

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, make] of Object.entries(FILES)) writeFileSync(new URL(`docs/clients/${name}`, root), make())
}
