// Small pictures, drawn by SVG paths; everything else on the page is text.

const paths = {
  chats: 'M4 5.5h16v11H9.5L5.5 20v-3.5H4z',
  post: 'M4.5 5h15v14h-15zM4.5 15.5l4.5-4.5 3.5 3.5 2.5-2.5 4.5 4.5M15.5 8.5h.01',
  bell: 'M6.5 16.5c1.4-1.2 1.5-3.2 1.5-5.5a4 4 0 0 1 8 0c0 2.3.1 4.3 1.5 5.5zM10.5 19.5h3',
  back: 'M14.5 5.5L8 12l6.5 6.5',
  send: 'M4.5 12L20 5l-4 14.5-4.5-5.5zM11.5 14L20 5',
  plug: 'M9 3.5v5M15 3.5v5M6.5 8.5h11v3.5a5.5 5.5 0 0 1-11 0zM12 17.5V21',
  heart: 'M12 19.5C5 15 3.5 11.5 3.5 9A4.3 4.3 0 0 1 12 7.5 4.3 4.3 0 0 1 20.5 9c0 2.5-1.5 6-8.5 10.5z',
  comment: 'M4 5.5h16v11H9.5L5.5 20v-3.5H4z',
  play: 'M8 5.5v13l10.5-6.5z',
  pin: 'M12 21c4-4.6 6-8 6-11a6 6 0 0 0-12 0c0 3 2 6.4 6 11zM12 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z',
  calendar: 'M4.5 6.5h15v13h-15zM4.5 10.5h15M8.5 4v4M15.5 4v4',
  person: 'M12 12a3.7 3.7 0 1 0 0-7.4 3.7 3.7 0 0 0 0 7.4zM5 19.5c.8-3.4 3.5-5 7-5s6.2 1.6 7 5',
  plus: 'M12 5.5v13M5.5 12h13',
  mic: 'M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3',
  star: 'M12 4.5l2.3 4.8 5.2.7-3.8 3.6.9 5.2-4.6-2.5-4.6 2.5.9-5.2L4.5 10l5.2-.7z',
  twin: 'M5.5 8.2a1.7 1.7 0 0 1 1.7-1.7h6.1A1.7 1.7 0 0 1 15 8.2v9.6a1.7 1.7 0 0 1-1.7 1.7H7.2a1.7 1.7 0 0 1-1.7-1.7zM9.8 3.5h7.4A1.8 1.8 0 0 1 19 5.3v9.9M9.3 17h1.9',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  retry: 'M18.5 8A7.5 7.5 0 1 0 19.5 13M18.8 4v4.2h-4.2',
};

// The second stroke of the double tick is drawn behind the first. What was read has a ground: it differs by more than its colour.
const ticks = {
  pending: 'M10 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10 3.8V6l1.6 1',
  sent: 'M5 6.5l3 3 6-7',
  delivered: 'M3 6.5l3 3 6-7M10 9.5l.2.2L16.6 2.5',
  read: 'M4.5 6.4L7 8.9l4.6-5.4M10.2 8.6l.3.3 4.8-5.4',
  failed: 'M10 1v6M10 9.8v.4',
};

function shape(tag, attributes) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

function draw(viewBox, d, className, ...behind) {
  const svg = shape('svg', { viewBox, class: className, 'aria-hidden': 'true' });
  svg.append(...behind, shape('path', { d }));
  return svg;
}

export const icon = (name) => draw('0 0 24 24', paths[name], 'icon');
export const tick = (status) => draw('0 0 20 12', ticks[status], 'tick', ...(status === 'read' ? [shape('rect', { width: 20, height: 12, rx: 6 })] : []));
