// The list of a person's chats. A chat is called by the names of the other people in it.
import { summary } from './bubble.js';
import { ago, avatar, brief, el, keyed, say, when } from './dom.js';
import { tick } from './icons.js';

export const peers = (person, chat) => chat.participants.filter((u) => u.user_id !== person.id);
export const title = (person, chat) => peers(person, chat).map((u) => u.name).join(', ') || 'Just me';

/** The people who are online, in words for the head line, and whether anybody is. */
export function presence(person, chat) {
  if (!person.online) return { online: false, text: 'not known without a connection' };
  const others = peers(person, chat).map((u) => person.presence.get(u.user_id) ?? u);
  const online = others.filter((u) => u.online).length;
  if (others.length > 1) return { online: false, text: online ? `${others.length + 1} people, ${online} of them online` : `${others.length + 1} people` };
  if (online) return { online: true, text: 'online' };
  return { online: false, text: others[0]?.last_seen ? `last seen ${ago(others[0].last_seen)}` : 'offline' };
}

export function typing(person, chat) {
  const names = person.typists(chat.id);
  if (!names.length) return '';
  if (chat.participants.length <= 2) return 'typing';
  return names.length === 1 ? `${names[0]} is typing` : `${names.slice(0, 2).join(' and ')} are typing`;
}

/** One person's picture, or two of a group's. */
export function face(person, chat) {
  const others = peers(person, chat);
  if (others.length < 2) return avatar(others[0]?.user_id ?? person.id, others[0]?.name ?? person.name);
  const pair = el('span', { className: 'pair' }, ...others.slice(0, 2).map((u) => avatar(u.user_id, u.name)));
  pair.ariaHidden = 'true';
  return pair;
}

function row(phone, id) {
  const { person } = phone;
  const name = el('strong', { className: 'name' });
  const at = el('time');
  const status = el('span', { className: 'status' });
  const preview = el('span', { className: 'preview' });
  const badge = el('span', { className: 'badge' });
  const picture = el('span', { className: 'slot' });
  const button = el('button', { type: 'button', onclick: () => phone.openChat(id) }, picture, el('span', { className: 'middle' }, name, at, el('span', { className: 'second' }, status, preview, badge)));
  const li = el('li', {}, button);
  li.update = (chat) => {
    if (!picture.firstChild) picture.append(face(person, chat));
    const here = presence(person, chat);
    const last = chat.last_message;
    const t = typing(person, chat);
    picture.classList.toggle('on', here.online);
    say(name, title(person, chat));
    when(at, last?.created_at, brief);
    const mine = last?.sender_id === person.id;
    const state = mine && !t ? person.histories.get(chat.id)?.list.find((m) => m.id === last.id)?.status ?? last.status : '';
    if (status.dataset.status !== state) { status.dataset.status = state; status.replaceChildren(...(state ? [tick(state)] : [])); }
    const who = last && !mine && chat.participants.length > 2 ? `${last.sender_name}: ` : '';
    say(preview, t ? `${t}\u2026` : last ? who + summary(last) : 'No messages yet');
    preview.classList.toggle('typing', t !== '');
    badge.hidden = chat.unread_count === 0;
    say(badge, chat.unread_count > 99 ? '99+' : String(chat.unread_count));
    badge.ariaLabel = `${chat.unread_count} unread`;
  };
  return li;
}

export class ChatList {
  constructor(phone, root) {
    Object.assign(this, { phone, list: root.querySelector('.chat-list'), empty: root.querySelector('.empty') });
  }

  focus(id) { Array.from(this.list.children).find((li) => li.key === id)?.firstElementChild.focus({ preventScroll: true }); }

  draw() {
    const { chats } = this.phone.person;
    this.empty.hidden = !chats || chats.length > 0;
    keyed(this.list, chats ?? [], (c) => c.id, (c) => row(this.phone, c.id));
  }
}
