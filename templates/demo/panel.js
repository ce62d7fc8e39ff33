// What the target really holds: any JSON its server tells, shown as rows that appear and vanish.
import { el } from './mrkdwn.js';

const EVERY = 1000;
const NAMES = ['name', 'username', 'user', 'role', 'rolname', 'usename', 'title', 'id', 'taskId', 'task_id', 'uid', 'pid'];
const STATES = ['status', 'state'];
const ICONS = { user: '◉', database: '▤', session: '⇄', task: '↻', role: '◉', rule: '§', acl: '§', connection: '⇄' };

// Keeps `node` showing the panels; hides it while there are none.
export function panel(node) {
  const tick = async () => {
    if (document.visibilityState === 'visible') {
      const answer = await fetch('/_demo/panel').then((r) => r.json()).catch(() => null);
      if (answer) draw(node, answer.panels);
    }
    setTimeout(tick, EVERY);
  };
  tick();
}

function draw(node, panels) {
  node.hidden = !panels.length;
  document.body.classList.toggle('with-panel', panels.length > 0);
  panels.forEach((p, n) => {
    let box = node.children[n];
    if (!box) {
      box = el('section', {}, el('h2', {}, p.title), el('div', { class: 'groups' }));
      node.append(box);
    }
    box.classList.toggle('away-now', Boolean(p.error));
    box.querySelector('h2').textContent = p.error ? `${p.title}: ${p.error}` : p.title;
    if (!p.error) groups(box.querySelector('.groups'), lists(p.data));
  });
}

// Every array of objects in the answer, by name; what is single stands in a group of its own.
function lists(data) {
  if (Array.isArray(data)) return { '': data };
  const found = {};
  const single = {};
  for (const [key, value] of Object.entries(data ?? {})) {
    if (Array.isArray(value)) found[key] = value.map((v) => (v !== null && typeof v === 'object' ? v : { name: String(v) }));
    else if (value !== null && typeof value === 'object' && Object.values(value).every((v) => v !== null && typeof v === 'object' && !Array.isArray(v))) {
      found[key] = Object.entries(value).map(([id, v]) => ({ id, ...v }));
    } else single[key] = value;
  }
  return Object.keys(single).length ? { ...found, about: [{ name: '', ...flat(single) }] } : found;
}

function flat(value) {
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, v !== null && typeof v === 'object' ? JSON.stringify(v) : v]));
}

// Who can get in stands first, for it is what changes; the rest as it comes.
const FIRST = ['users', 'accounts', 'sessions', 'live_sessions', 'tasks'];
const rank = ([name]) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);

function groups(node, found) {
  for (const [name, rows] of Object.entries(found).sort((a, b) => rank(a) - rank(b))) {
    let group = [...node.children].find((g) => g.dataset.name === name);
    if (!group) {
      group = el('div', { class: 'group', 'data-name': name }, el('h3', {}, words(name)), el('ul', {}), el('p', { class: 'none' }, 'none'));
      node.append(group);
    }
    const begun = Boolean(group.dataset.begun);
    group.dataset.begun = '1';
    fill(group.querySelector('ul'), rows, name, begun);
    group.querySelector('.none').hidden = rows.length > 0;
  }
  for (const group of [...node.children]) if (!(group.dataset.name in found)) group.remove();
}

function fill(list, rows, group, animate) {
  const old = new Map([...list.children].filter((n) => !n.classList.contains('vanish')).map((n) => [n.dataset.key, n]));
  rows.forEach((row, n) => {
    const key = String(row.id ?? row.uid ?? row.name ?? row.username ?? row.role ?? n);
    const text = JSON.stringify(row);
    const before = old.get(key);
    old.delete(key);
    if (before?.dataset.text === text) return;
    const fresh = item(row, group);
    fresh.dataset.key = key;
    fresh.dataset.text = text;
    if (before) {
      fresh.classList.add('changed');
      before.replaceWith(fresh);
    } else {
      if (animate) fresh.classList.add('appear');
      list.append(fresh);
    }
  });
  for (const gone of old.values()) {
    gone.classList.add('vanish');
    setTimeout(() => gone.remove(), 1600);
  }
}

function item(row, group) {
  const nameKey = NAMES.find((k) => row[k] !== undefined && row[k] !== '') ?? '';
  const stateKey = STATES.find((k) => row[k] !== undefined) ?? '';
  const icon = Object.entries(ICONS).find(([k]) => group.toLowerCase().includes(k))?.[1] ?? '·';
  const rest = Object.entries(row).filter(([k, v]) => k !== nameKey && k !== stateKey && v !== null && v !== '' && !(Array.isArray(v) && !v.length));
  return el('li', {},
    el('span', { class: 'icon', 'aria-hidden': 'true' }, icon),
    el('div', {},
      el('b', {}, String(row[nameKey] ?? '')),
      stateKey ? el('span', { class: `status s-${String(row[stateKey]).toLowerCase().replace(/[^a-z]/g, '-')}` }, String(row[stateKey])) : '',
      rest.length ? el('dl', {}, ...rest.slice(0, 8).flatMap(([k, v]) => [el('dt', {}, words(k)), el('dd', {}, value(v))])) : ''));
}

function value(v) {
  if (Array.isArray(v)) return v.map((x) => (x !== null && typeof x === 'object' ? x.name ?? x.username ?? x.roleName ?? JSON.stringify(x) : String(x))).join(', ');
  return v !== null && typeof v === 'object' ? JSON.stringify(v) : String(v);
}

function words(key) {
  return key.replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' ').toLowerCase();
}
