// Elements of the two pages, the demo and that of an edge. Text is always set as text: names come from anybody.

/** An element with properties and children; children that are not there are left out. */
export function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

/**
 * Makes parent's children those of items, in their order. A child that stays keeps focus and selection: make(item) is
 * called once for a key, the element's own update(item) whenever the list is drawn.
 */
export function keyed(parent, items, keyOf, make) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const old = new Map(Array.from(parent.children, (c) => [c.key, c]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let e = old.get(key);
    if (e) old.delete(key); else { e = make(item); e.key = key; }
    e.update?.(item);
    if (e === next) next = e.nextElementSibling; else parent.insertBefore(e, next);
  }
  for (const e of old.values()) e.remove();
  if (focused !== document.activeElement) focused?.focus({ preventScroll: true }); // an element that is moved loses it
}

/** Sets the text only where it differs: a live region speaks on every change. */
export function say(e, text) { if (e.textContent !== text) e.textContent = text; }

/** Hides an element or shows it. The keyboard's focus goes from what is hidden to the first of the others that can be seen. */
export function hide(e, hidden, ...others) {
  const leaves = hidden && e.contains(document.activeElement);
  e.hidden = hidden;
  if (leaves) others.find((o) => o?.checkVisibility())?.focus({ preventScroll: true });
}
