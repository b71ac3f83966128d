// The SQL behind a frame: an event from a client is a function call, an event to a client was a row.

const clip = (s, n) => (s.length > n ? `${s.slice(0, n - 3)}...` : s);
const quote = (v) => (v === null || v === undefined ? 'null' : `'${clip(typeof v === 'object' ? JSON.stringify(v) : String(v), 160).replaceAll("'", "''")}'`);
const fn = (event) => `rt.${event.replaceAll(':', '_')}`;

/** The call that a client event becomes. Colons of its name are underscores. */
export function callOf(event, payload, userId) {
  if (event === 'auth:refresh') return '-- the edge itself: the key is there, not in SQL';
  return `select ${fn(event)}(${quote(userId)}, ${quote(payload)})`;
}

export const answerOf = (event) => `-- what ${fn(event)} returned`;

const insert = (table, columns, ...values) => `insert into platform.${table} (${columns})\nvalues (${values.map(quote).join(', ')})`;

const causes = {
  'chat:message:new': (d) => insert('messages', 'chat_id, sender_id, type, content', d.chat_id, d.sender_id, d.type, d.content),
  'chat:message:delivered': (d) => `update platform.message_receipts set delivered_at = ${quote(d.delivered_at)}\n where message_id = ${quote(d.message_id)} and user_id = ${quote(d.delivered_to)}`,
  'chat:message:read': (d) => `update platform.message_receipts set read_at = ${quote(d.read_at)}\n where message_id = ${quote(d.message_id)} and user_id = ${quote(d.read_by)}`,
  'demo:chat:read': (d, me) => `update platform.message_receipts set read_at = now()\n where message_id = any(${quote(`{${d.message_ids?.join(',')}}`)}) and user_id = ${quote(me)}\n-- a trigger of the demo's own tells the reader's devices`,
  'chat:typing': (d) => `select rt.chat_typing(${quote(d.user_id)}, ${quote({ chat_id: d.chat_id, is_typing: d.is_typing })})\n-- no row of anyone's, no WAL`,
  'notification:new': (d, me) => insert('notifications', 'user_id, type, title, body, data', me, d.type, d.title, d.body, d.data),
  'notification:read': (d) => `update platform.notifications set read_at = ${quote(d.read_at)}\n where id = ${quote(d.notification_id)}`,
  'post:liked': (d) => insert('post_likes', 'post_id, user_id', d.post_id, d.user_id),
  'post:unliked': (d) => `delete from platform.post_likes\n where post_id = ${quote(d.post_id)} and user_id = ${quote(d.user_id)}`,
  'post:commented': (d) => insert('post_comments', 'post_id, author_id, content', d.post_id, d.comment?.author_id, d.comment?.content),
  'demo:post:commented': (d) => `${insert('post_comments', 'post_id, author_id, content', d.post_id, d.comment?.author_id, d.comment?.content)}\n-- a trigger of the demo's own: rt.emit(array['followers:' || author_id], 'demo:post:commented', ...)`,
  'user:online': (d) => `select rt.socket_open(...)\n-- the first socket of ${d.user_id}`,
  'user:offline': (d) => `select rt.socket_close(...)\n-- the last socket of ${d.user_id}, and the grace is over`,
  connected: () => 'select rt.socket_open(...)\n-- returned the rooms',
  'sync:required': () => 'select rt.socket_open(...)\n-- returned the reason; what follows is read over HTTP',
};

/** The statement that caused an event to a client; empty when there is none. */
export const causeOf = (event, data, userId) => (causes[event] ? causes[event](data ?? {}, userId) : '');

/** The call behind an HTTP read. */
export function readOf(path, userId) {
  const url = new URL(path, location);
  const query = Object.fromEntries(url.searchParams);
  const [, , , what, id, of] = url.pathname.split('/');
  if (id) query.chat_id = id;
  return `select rt.get_${of ?? what}(${quote(userId)}, ${quote(query)})`;
}

const words = /('(?:[^']|'')*')|(--[^\n]*)|\b(select|insert|into|values|update|set|where|and|delete|from|null|array)\b/g;

/** The same text in spans: strings, comments, key words. */
export function* coloured(sql) {
  let end = 0;
  for (const m of sql.matchAll(words)) {
    if (m.index > end) yield ['', sql.slice(end, m.index)];
    yield [m[1] ? 'str' : m[2] ? 'note' : 'word', m[0]];
    end = m.index + m[0].length;
  }
  if (end < sql.length) yield ['', sql.slice(end)];
}
