// Block Kit as DOM: every block and element our app may send, as Slack shows it.
import { date, el, emoji, link, textObject } from './mrkdwn.js';
import { input } from './inputs.js';

// host: { context, press(element, block), change(element, block, value), options(element, query), given(block, element) }
export function blocks(list, host) {
  return list.map((block) => {
    const node = (RENDER[block.type] ?? unknown)(block, host);
    node.dataset.block = block.block_id ?? '';
    return node;
  });
}

const RENDER = {
  header: (b, h) => el('h3', { class: 'b-header' }, ...textObject(b.text, h.context)),
  divider: () => el('hr', { class: 'b-divider' }),
  section,
  context: (b, h) => el('div', { class: 'b-context' }, ...b.elements.map((e) =>
    e.type === 'image' ? image(e) : el('span', {}, ...textObject(e, h.context)))),
  actions: (b, h) => el('div', { class: 'b-actions' }, ...b.elements.map((e) => element(e, b, h))),
  image: (b) => el('figure', { class: 'b-image' }, image(b)),
  rich_text: (b, h) => el('div', { class: 'b-rich' }, ...b.elements.map((e) => rich(e, h))),
  input,
};

function unknown(block) {
  return el('div', { class: 'b-unknown' }, `(${block.type})`);
}

function image(e) {
  // Pictures from elsewhere are not loaded: this page talks to nobody.
  return el('span', { class: 'b-picture', role: 'img', 'aria-label': e.alt_text }, e.alt_text);
}

function section(b, h) {
  const body = el('div', { class: 'b-body' });
  if (b.text) body.append(el('div', { class: 'b-text' }, ...textObject(b.text, h.context)));
  if (b.fields) body.append(el('div', { class: 'b-fields' }, ...b.fields.map((f) => el('div', {}, ...textObject(f, h.context)))));
  return el('div', { class: 'b-section' }, body, b.accessory ? el('div', { class: 'b-accessory' }, element(b.accessory, b, h)) : '');
}

// An interactive element.
export function element(e, block, h) {
  if (e.type === 'image') return image(e);
  if (e.type === 'button') return button(e, block, h);
  return input({ ...block, type: 'bare', element: e, label: e.placeholder ?? block.text }, h);
}

function button(e, block, h) {
  const node = el('button', {
    type: 'button',
    class: `b-button ${e.style ?? ''}`,
    'data-action': e.action_id,
    'aria-label': e.accessibility_label,
    onclick: async () => {
      if (e.url) window.open(e.url, '_blank', 'noopener');
      if (e.confirm && !(await ask(e.confirm, h.context))) return;
      node.classList.add('busy');
      node.disabled = true;
      try {
        await h.press(e, block);
      } finally {
        node.classList.remove('busy');
        node.disabled = false;
      }
    },
  }, ...textObject(e.text, h.context));
  return node;
}

// A confirm dialog; resolves to whether the person agreed.
export function ask(dialog, context) {
  const box = document.querySelector('#confirm');
  return new Promise((resolve) => {
    const done = (answer) => {
      box.oncancel = null;
      box.close();
      resolve(answer);
    };
    box.oncancel = () => done(false);
    box.replaceChildren(
      el('h2', { id: 'confirm-title' }, ...textObject(dialog.title, context)),
      el('p', {}, ...textObject(dialog.text, context)),
      el('footer', {},
        el('button', { type: 'button', class: 'b-button', onclick: () => done(false) }, ...textObject(dialog.deny, context)),
        el('button', { type: 'button', class: `b-button ${dialog.style ?? 'primary'}`, onclick: () => done(true) }, ...textObject(dialog.confirm, context))),
    );
    box.showModal();
  });
}

function rich(e, h) {
  switch (e.type) {
    case 'rich_text_preformatted': return preformatted(e, h);
    case 'rich_text_quote': return el('blockquote', {}, ...e.elements.map((l) => leaf(l, h)));
    case 'rich_text_list':
      return el(e.style === 'ordered' ? 'ol' : 'ul', {}, ...e.elements.map((item) => el('li', {}, ...item.elements.map((l) => leaf(l, h)))));
    default: return el('div', { class: 'b-text' }, ...e.elements.map((l) => leaf(l, h)));
  }
}

// One press copies exactly the value.
function preformatted(e, h) {
  const pre = el('pre', {}, ...e.elements.map((l) => leaf(l, h)));
  const copy = el('button', {
    type: 'button', class: 'b-copy', 'aria-label': 'Copy',
    onclick: async () => {
      await navigator.clipboard?.writeText(pre.textContent);
      copy.textContent = 'copied';
      setTimeout(() => { copy.textContent = 'copy'; }, 1200);
    },
  }, 'copy');
  return el('div', { class: 'b-pre' }, pre, copy);
}

function leaf(l, h) {
  const words = () => {
    switch (l.type) {
      case 'text': return document.createTextNode(l.text);
      case 'link': return link(l.url, l.text);
      case 'user': return el('span', { class: 'mention' }, '@' + (h.context.names[l.user_id] ?? l.user_id));
      case 'channel': return el('span', { class: 'mention' }, '#' + (h.context.places[l.channel_id] ?? l.channel_id));
      case 'broadcast': return el('span', { class: 'mention loud' }, '@' + l.range);
      case 'emoji': return document.createTextNode(emoji(`:${l.name}:`));
      case 'date': return el('time', { title: l.fallback }, date(l.timestamp, l.format, h.context));
      default: return document.createTextNode('');
    }
  };
  const tags = { bold: 'strong', italic: 'em', strike: 's', code: 'code' };
  return Object.entries(tags).reduce((node, [style, tag]) => (l.style?.[style] ? el(tag, {}, node) : node), words());
}
