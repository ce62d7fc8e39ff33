// Slack's mrkdwn as DOM nodes. Text only ever becomes text nodes: nothing a person or app sends is parsed as HTML.

const EMOJI = {
  white_check_mark: '✅', heavy_check_mark: '✔️', x: '❌', warning: '⚠️', key: '🔑', lock: '🔒', unlock: '🔓',
  hourglass: '⌛', hourglass_flowing_sand: '⏳', bell: '🔔', no_entry: '⛔', rotating_light: '🚨', wave: '👋',
  tada: '🎉', eyes: '👀', information_source: 'ℹ️', large_green_circle: '🟢', red_circle: '🔴', stopwatch: '⏱️',
};

// An element with attributes and children; children may be strings.
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'class') node.className = value;
    else if (key === 'value') node.value = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== ''));
  return node;
}

export function unescape(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

export function emoji(text) {
  return text.replace(/:([a-z_]+):/g, (all, name) => EMOJI[name] ?? all);
}

// Only web addresses become links.
export function link(url, label) {
  if (!/^https?:\/\//.test(url)) return document.createTextNode(label || url);
  return el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, label || url);
}

// A moment in the reader's zone, by Slack's date format tokens.
export function date(seconds, format, context) {
  const at = new Date(seconds * 1000);
  const zone = { timeZone: context.zone };
  const day = (options) => new Intl.DateTimeFormat('en-GB', { ...options, ...zone }).format(at);
  const key = (d) => new Intl.DateTimeFormat('en-CA', zone).format(d);
  const now = context.now * 1000;
  const near = { [-86400e3]: 'yesterday', 0: 'today', 86400e3: 'tomorrow' };
  const pretty = Object.entries(near).find(([off]) => key(new Date(now + Number(off))) === key(at))?.[1];
  const short = () => day({ day: 'numeric', month: 'short', year: 'numeric' });
  const long = () => day({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
  const plain = () => day({ day: 'numeric', month: 'long', year: 'numeric' });
  const time = () => day({ hour: '2-digit', minute: '2-digit', hour12: false });
  const ago = () => {
    const seconds = Math.round((at - now) / 1000);
    const [size, unit] = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']].find(([s]) => Math.abs(seconds) >= s) ?? [1, 'second'];
    return new Intl.RelativeTimeFormat('en').format(Math.round(seconds / size), unit);
  };
  const tokens = {
    date_num: () => key(at), date: plain, date_short: short, date_long: long, time, ago,
    time_secs: () => day({ hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }),
    date_pretty: () => pretty ?? plain(), date_short_pretty: () => pretty ?? short(), date_long_pretty: () => pretty ?? long(),
  };
  return format.replace(/\{(\w+)\}/g, (all, token) => tokens[token]?.() ?? all);
}

function token(body, context) {
  const bar = body.indexOf('|');
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? '' : unescape(body.slice(bar + 1));
  if (target.startsWith('@')) return el('span', { class: 'mention' }, '@' + (context.names[target.slice(1)] ?? (label || target.slice(1))));
  if (target.startsWith('#')) return el('span', { class: 'mention' }, '#' + (context.places[target.slice(1)] ?? (label || target.slice(1))));
  if (target.startsWith('!date^')) {
    const [seconds, format] = target.slice(6).split('^');
    return el('time', { title: label }, Number(seconds) ? date(Number(seconds), format ?? '', context) : label);
  }
  if (target.startsWith('!')) return el('span', { class: 'mention loud' }, '@' + target.slice(1).split('^')[0]);
  return link(unescape(target), label);
}

const STYLES = [['*', 'strong'], ['_', 'em'], ['~', 's']];

// *bold*, _italic_ and ~struck~ at word boundaries; the rest is text.
function styled(text, context) {
  const nodes = [];
  let rest = text;
  for (;;) {
    let first = null;
    for (const [mark, tag] of STYLES) {
      const m = new RegExp(`(^|[\\s(\\[{"'·-])\\${mark}(?=\\S)([^\\n]*?\\S)\\${mark}(?=$|[\\s.,;:!?)\\]}"'·-])`).exec(rest);
      if (m && (!first || m.index < first.m.index)) first = { m, tag };
    }
    if (!first) break;
    const { m, tag } = first;
    nodes.push(...tokens(rest.slice(0, m.index) + m[1], context), el(tag, {}, ...styled(m[2], context)));
    rest = rest.slice(m.index + m[0].length);
  }
  nodes.push(...tokens(rest, context));
  return nodes;
}

function tokens(text, context) {
  return text.split(/(<[^<>\n]+>)/).map((part) =>
    part.startsWith('<') && part.endsWith('>') && part.length > 2 ? token(part.slice(1, -1), context) : emoji(unescape(part)));
}

function inline(text, context) {
  return text.split(/(`[^`\n]+`)/).flatMap((part) =>
    part.length > 2 && part.startsWith('`') && part.endsWith('`') ? [el('code', {}, unescape(part.slice(1, -1)))] : styled(part, context));
}

// context: { zone, now, names: id → handle, places: id → name }
export function mrkdwn(text, context) {
  const nodes = [];
  for (const part of text.split(/(```[\s\S]*?```)/)) {
    if (part.startsWith('```') && part.length > 5) {
      nodes.push(el('pre', {}, unescape(part.slice(3, -3).replace(/^\n|\n$/g, ''))));
      continue;
    }
    part.split('\n').forEach((line, n, all) => {
      if (line.startsWith('&gt;')) nodes.push(el('blockquote', {}, ...inline(line.slice(4).trim(), context)));
      else {
        nodes.push(...inline(line, context));
        if (n < all.length - 1) nodes.push(el('br'));
      }
    });
  }
  return nodes;
}

// A text object of either kind.
export function textObject(object, context) {
  if (!object) return [];
  if (object.type === 'mrkdwn') return mrkdwn(object.text ?? '', context);
  const words = object.emoji === false ? object.text ?? '' : emoji(object.text ?? '');
  return words.split('\n').flatMap((line, n) => (n ? [el('br'), line] : [line]));
}
