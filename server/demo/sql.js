// What in the database stands behind a frame: an event from a client is a function call, an event to a client was a row.

const quote = (v) => (v === null || v === undefined ? 'null' : typeof v === 'object' ? `'${JSON.stringify(v).replaceAll("'", "''")}'` : `'${String(v).replaceAll("'", "''")}'`);
const short = (v) => { const s = quote(v); return s.length > 60 ? `${s.slice(0, 56)}...'` : s; };

/** The call that a client's event becomes (colons are underscores). */
export function callOf(event, payload, userId) {
  if (event === 'auth:refresh') return '-- handled by the edge: the key is there, not in SQL';
  return `select rt.${event.replaceAll(':', '_')}(${quote(userId)}, ${short(payload)});`;
}

const causes = {
  'chat:message:new': (d) => `insert into platform.messages (chat_id, sender_id, type, content)\nvalues (${quote(d.chat_id)}, ${quote(d.sender_id)}, ${quote(d.type)}, ${short(d.content)});`,
  'chat:message:delivered': (d) => `update platform.message_receipts set delivered_at = ${quote(d.delivered_at)}\n where message_id = ${quote(d.message_id)} and user_id = ${quote(d.delivered_to)};`,
  'chat:message:read': (d) => `update platform.message_receipts set read_at = ${quote(d.read_at)}\n where message_id = ${quote(d.message_id)} and user_id = ${quote(d.read_by)};`,
  'chat:typing': (d) => `select rt.chat_typing(${quote(d.user_id)}, '{"chat_id": ..., "is_typing": ${d.is_typing}}'); -- no row, no WAL`,
  'notification:new': (d) => `insert into platform.notifications (user_id, type, title, body)\nvalues (..., ${quote(d.type)}, ${short(d.title)}, ${short(d.body)});`,
  'notification:read': (d) => `update platform.notifications set read_at = ${quote(d.read_at)} where id = ${quote(d.notification_id)};`,
  'post:liked': (d) => `insert into platform.post_likes (post_id, user_id) values (${quote(d.post_id)}, ${quote(d.user_id)});`,
  'post:unliked': (d) => `delete from platform.post_likes where post_id = ${quote(d.post_id)} and user_id = ${quote(d.user_id)};`,
  'post:commented': (d) => `insert into platform.post_comments (post_id, author_id, content)\nvalues (${quote(d.post_id)}, ${quote(d.comment?.author_id)}, ${short(d.comment?.content)});`,
  'user:online': (d) => `-- the first socket of ${d.user_id} opened: rt.socket_open(...)`,
  'user:offline': (d) => `-- the last socket of ${d.user_id} ended: rt.socket_close(...)`,
  connected: () => '-- rt.socket_open(...) returned the rooms',
  'sync:required': () => '-- read again over HTTP: rt.get_chats, rt.get_messages, rt.get_notifications',
};

/** The statement that caused an event to a client; empty when there is none. */
export const causeOf = (event, data) => (causes[event] ? causes[event](data ?? {}) : '');
