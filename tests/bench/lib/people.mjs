// Who lives in a benchmark's database: people, their chats, who follows whom, and what they wrote before.
import { createHash } from 'node:crypto'

export const BIG = 1000 // the first people have one chat together; the others are in four chats of ten each, and followed by two
export const HISTORY = 20 // messages of old in each chat
export const DELIVERED = 2 // of them have arrived at everybody, and are read

const uuid = (kind, n) => `${kind.toString(16).padStart(8, '0')}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
export const BIG_CHAT = uuid(0xc, 0xffffff)
export const person = (i) => uuid(0xa, i)

// Chats of people from BIG on: hundreds of blocks of ten, cut four ways, so that two people rarely share two.
// The first way is ten neighbours, and who has the lowest number wrote the history.
export const chatOf = (i, way) => uuid(0xc, way * 1e6 + Math.floor(i / 1000) * 100 + (Math.floor(i / 10) + (i % 10) * [0, 1, 13, 37][way]) % 100)

// The id of the n-th message of old in a chat, n from 1.
export const oldMessage = (chat, n) => createHash('md5').update(`${chat}/${n}`).digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

// Statements that fill schema platform with so many people.
export function population(people) {
  const ids = Array.from({ length: people }, (_, i) => i)
  const members = ids.flatMap((i) => (i < BIG ? [[BIG_CHAT, person(i)]] : [0, 1, 2, 3].map((w) => [chatOf(i, w), person(i)])))
  const others = ids.slice(BIG)
  const followed = (by) => others.map((i) => person(BIG + (i - BIG + by) % others.length))
  return ['set session_replication_role = replica', // no triggers: the rows are right
    ["insert into platform.users (id, name) select u.id, 'person ' || u.n from unnest($1::uuid[]) with ordinality u (id, n)", [ids.map(person)]],
    ['insert into platform.chats (id) select distinct unnest($1::uuid[])', [members.map((m) => m[0])]],
    ['insert into platform.chat_participants (chat_id, user_id) select * from unnest($1::uuid[], $2::uuid[])', [members.map((m) => m[0]), members.map((m) => m[1])]],
    ['insert into platform.follows (follower_id, followee_id) select * from unnest($1::uuid[], $2::uuid[])', [[...others, ...others].map(person), [...followed(1), ...followed(2)]]],
    // A history, and receipts: a table that is known to be empty gets plans that read all of it.
    [`insert into platform.messages (id, chat_id, seq, sender_id, type, content, created_at)
      select md5(p.chat_id || '/' || n)::uuid, p.chat_id, n, min(p.user_id::text)::uuid, 'text', 'one of the messages of old', now() - interval '1 day' + n * interval '1 minute'
      from platform.chat_participants p, generate_series(1, $1) n group by p.chat_id, n`, [HISTORY]],
    [`insert into platform.message_receipts (message_id, user_id, delivered_at, read_at)
      select m.id, p.user_id, now(), now() from platform.messages m join platform.chat_participants p on p.chat_id = m.chat_id
      where m.seq <= $1 and p.user_id <> m.sender_id`, [DELIVERED]],
    ...['users', 'follows', 'chats', 'chat_participants', 'messages', 'message_receipts'].map((t) => `vacuum analyze platform.${t}`), 'checkpoint']
}

// Chats of two: the k-th is of the k-th person from BIG on and the one after, the last person's is with the first.
// SQL for the k-th chat and its sender, k an expression.
const hex = (kind, k) => `('${kind.toString(16).padStart(8, '0')}-0000-4000-8000-' || lpad(to_hex(${k}), 12, '0'))::uuid`
export const pairChat = (k) => hex(0xd, k)
export const pairSender = (k) => hex(0xa, `${BIG} + ${k}`)
export const pairs = (count) => ['set session_replication_role = replica',
  `insert into platform.chats (id) select ${pairChat('k')} from generate_series(0, ${count - 1}) k`,
  `insert into platform.chat_participants (chat_id, user_id) select ${pairChat('k')}, ${hex(0xa, `${BIG} + (k + n) % ${count}`)} from generate_series(0, ${count - 1}) k, generate_series(0, 1) n`,
  'vacuum analyze platform.chats', 'vacuum analyze platform.chat_participants', 'checkpoint']
const ofPairs = "chat_id::text like '0000000d-%'"
export const noPairs = ['set session_replication_role = replica',
  `delete from platform.message_receipts where message_id in (select m.id from platform.messages m where m.${ofPairs})`,
  `delete from platform.messages where ${ofPairs}`,
  `delete from platform.chat_participants where ${ofPairs}`,
  "delete from platform.chats where id::text like '0000000d-%'"]
