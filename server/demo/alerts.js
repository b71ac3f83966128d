// The list of notifications, and which of them have been seen.
import { ago, el, hide, keyed, say, when } from './dom.js';
import { icon } from './icons.js';

const pictures = {
  booking_request: 'calendar', booking_confirmed: 'calendar', booking_cancelled: 'calendar', auto_booking_proposal: 'calendar', friend_request: 'person', friend_accepted: 'person',
  post_liked: 'heart', post_commented: 'comment', post_reposted: 'retry', mention: 'comment', review_received: 'star',
};

// Some notifications come worded by the database, in the customer's language. The page words those anew whose data it has.
export function alertText(n) {
  const who = typeof n.data?.user_name === 'string' ? n.data.user_name : null;
  if (who && n.type === 'post_liked') return { who, title: `${who} liked your post`, body: '' };
  if (who && n.type === 'post_commented') return { who, title: `${who} commented on your post`, body: n.body.startsWith(`${who}: `) ? n.body.slice(who.length + 2) : n.body };
  return { who, title: n.title, body: n.body };
}

function item(person, first) {
  const t = alertText(first);
  const at = el('time');
  const word = el('span', { className: 'unseen' });
  const button = el('button', { type: 'button' }, el('span', { className: 'tile-icon' }, icon(Object.hasOwn(pictures, first.type) ? pictures[first.type] : 'bell')),
    el('span', { className: 'lines' }, el('strong', { textContent: t.title }), t.body ? el('span', { className: 'small', textContent: t.body }) : null, at), word);
  const li = el('li', {}, button);
  li.dataset.id = first.id;
  li.dataset.type = first.type;
  li.update = (n) => {
    li.classList.toggle('unread', !n.is_read);
    when(at, n.created_at, ago);
    say(word, n.is_read ? '' : 'Unread. Press to mark it as read.');
    button.title = n.is_read ? '' : 'Mark as read';
    button.setAttribute('aria-disabled', String(n.is_read));
    button.onclick = () => { if (!n.is_read) person.readNotification(n.id); };
  };
  return li;
}

export class Alerts {
  constructor(phone, root) {
    this.phone = phone;
    this.all = el('button', { type: 'button', className: 'quiet', textContent: 'Mark all as read', onclick: () => phone.person.readAllNotifications() });
    this.list = el('ul', { className: 'alert-list' });
    this.empty = el('p', { className: 'empty', textContent: 'Nothing new. A like, a comment or a row in platform.notifications shows up here.', hidden: true });
    root.append(el('header', { className: 'page-head' }, el('h3', { textContent: 'Alerts' }), this.all), this.list, this.empty);
  }

  focus(id) { (this.list.querySelector(`[data-id="${id}"] button`) ?? this.list.querySelector('button'))?.focus(); }

  draw() {
    const p = this.phone.person;
    const list = p.notifications ?? [];
    hide(this.all, p.unreadNotifications === 0, this.list.querySelector('button'));
    this.empty.hidden = !p.notifications || list.length > 0;
    keyed(this.list, list, (n) => n.id, (n) => item(p, n));
  }
}
