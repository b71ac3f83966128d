// Messages that a person has sent and the server has not confirmed. client_id makes a repeat safe, so a message is sent again after
// every interruption, until there is an answer. metadata carries client_id too: by that one's own message is known when it comes back.

import { now } from './dom.js';

const ANSWER_MS = 8000;
const AGAIN_MS = 1000;
const uniqueId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');

export class Outbox {
  constructor(person) {
    this.person = person;
    this.waiting = new Map();
  }

  send(chatId, type, content, metadata = {}) {
    const id = uniqueId();
    const p = this.person;
    const message = { chat_id: chatId, sender_id: p.id, sender_name: p.name, type, content, client_id: id, metadata: { ...metadata, client_id: id },
      status: 'pending', created_at: new Date(now()).toISOString() };
    p.history(chatId).list.push(message);
    this.waiting.set(id, message);
    if (p.online) this.#emit(message);
    p.changed();
  }

  retry(message) {
    message.status = 'pending';
    message.error = undefined;
    this.waiting.set(message.client_id, message);
    if (this.person.online) this.#emit(message);
    this.person.changed();
  }

  /** Sends all again, in the order in which they were written. Called on every new connection. */
  flush() { for (const m of this.waiting.values()) this.#emit(m); }

  #emit(message) {
    const { chat_id, type, content, metadata, client_id } = message;
    this.person.socket.timeout(ANSWER_MS).emit('chat:message:send', { chat_id, type, content, metadata, client_id }, (lost, ack) => {
      if (!this.waiting.has(client_id)) return;
      if (lost || ack.code === 'UNAVAILABLE' || ack.code === 'RATE_LIMIT') {
        setTimeout(() => { if (this.person.online && this.waiting.has(client_id)) this.#emit(message); }, ack?.retry_after_ms ?? AGAIN_MS);
        return;
      }
      this.waiting.delete(client_id);
      const shown = this.person.history(chat_id).list.find((m) => m.client_id === client_id);
      if (ack.status === 'error') Object.assign(shown ?? message, { status: 'failed', error: ack.message });
      else if (shown?.status === 'pending') Object.assign(shown, { id: ack.message_id, created_at: ack.created_at, status: 'sent' });
      this.person.changed();
    });
  }
}
