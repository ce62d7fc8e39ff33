// The chat page: one person at a time, fed by the server's state; every press goes through Slack's protocol to the app.
import { ask, blocks } from './blocks.js';
import { el, mrkdwn, textObject } from './mrkdwn.js';
import { panel } from './panel.js';

const $ = (selector) => document.querySelector(selector);
const remembered = new URLSearchParams(location.hash.slice(1));
const me = { user: remembered.get('as') ?? '', place: '', tab: 'messages', seen: '', first: new Set(), drafts: {} };
let state = null;
let values = {};
let shownModal = '';

async function call(path, body) {
  const response = await fetch(`/_demo/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: me.user, ...body }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    toast(answer.error ?? `The server says ${response.status}.`);
    throw new Error(answer.error ?? String(response.status));
  }
  return answer;
}

const quietly = (promise) => promise.catch(() => {});

function toast(words) {
  const box = $('#toast');
  box.textContent = words;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 5000);
}

async function refresh() {
  const mine = (refresh.serial = (refresh.serial ?? 0) + 1);
  const response = await fetch(`/_demo/state?user=${encodeURIComponent(me.user || 'ann')}`);
  if (!response.ok) {
    if (me.user) { me.user = ''; location.hash = ''; return refresh(); }
    return toast('There is nobody to be.');
  }
  const fresh = await response.json();
  if (mine !== refresh.serial) return;
  state = fresh;
  state.places.sort((a, b) => (b.kind === 'im') - (a.kind === 'im') || a.name.localeCompare(b.name));
  me.user = state.me;
  if (!state.places.some((p) => p.id === me.place)) me.place = (state.places.find((p) => p.kind === 'im') ?? state.places[0])?.id ?? '';
  draw();
}

function context() {
  return {
    zone: person(me.user)?.tz ?? 'UTC', now: state.now, names: state.names,
    places: Object.fromEntries(state.places.map((p) => [p.id, p.name])),
  };
}

const person = (id) => state.people.find((p) => p.id === id);
const place = () => state.places.find((p) => p.id === me.place);

// Blocks of a message or view, wired to the app through the server.
function host(where, given, inModal) {
  return {
    context: context(),
    press: (e) => quietly(call('click', { place: where, what: e.action_id })),
    options: async (e, query) => (await call('options', { place: where, what: e.action_id, value: query })).options,
    given: (b, e) => given?.[b.block_id]?.[e.action_id],
    change: async (e, b, value) => {
      const typing = b.type === 'input' && /text_input|number_input/.test(e.type);
      // What is typed into a modal goes off with the form; a choice is kept, or told to the app, at once.
      if (typing && inModal) {
        values[e.action_id] = value;
        return;
      }
      if (typing && b.dispatch_action) return;
      if (e.confirm && !(await ask(e.confirm, context()))) return;
      await quietly(call('fill', { place: where, what: e.action_id, value }));
    },
  };
}

function draw() {
  $('#team').textContent = state.team;
  drawPeople();
  drawPlaces();
  drawHead();
  drawMessages();
  drawHome();
  drawModal();
  drawComposer();
  document.title = `${person(me.user)?.name ?? ''} · Latchkey demo`;
}

function hue(text) {
  return [...text].reduce((h, c) => (h * 31 + c.codePointAt(0)) % 360, 7);
}

function face(name, kind = '') {
  const node = el('span', { class: `face ${kind}`, 'aria-hidden': 'true' }, kind === 'app' ? '' : name.slice(0, 1).toUpperCase());
  node.style.setProperty('--hue', hue(name));
  return node;
}

// Replaces children only when what they show has changed, so that focus and animations survive.
function show(node, key, children) {
  if (node.dataset.key === key) return false;
  node.dataset.key = key;
  node.replaceChildren(...children());
  return true;
}

function drawPeople() {
  show($('#people'), JSON.stringify([me.user, state.people]), () => state.people.map((p) => {
    const news = p.unread > 0 && p.id !== me.user;
    return el('button', {
      type: 'button', role: 'radio', class: 'person', 'data-person': p.name, 'aria-checked': String(p.id === me.user),
      'aria-label': `${p.name}${p.title ? ', ' + p.title : ''}${news ? ', has something new' : ''}`, onclick: () => become(p.id),
    }, face(p.name), el('span', { class: 'who' }, el('b', {}, p.name), el('small', {}, p.title || p.real_name)),
    news ? el('i', { class: 'dot', title: 'something new' }, String(p.unread)) : '');
  }));
}

function become(user) {
  me.drafts[me.user] = $('#line').value;
  me.user = user;
  me.place = '';
  me.tab = 'messages';
  location.hash = `as=${user}`;
  values = {};
  shownModal = '';
  refresh();
}

function drawPlaces() {
  const key = JSON.stringify([me.place, state.places.map((p) => [p.id, p.name, p.unread])]);
  show($('#places'), key, () => state.places.map((p) => el('div', { role: 'listitem' }, el('button', {
    type: 'button', class: 'place', 'data-place': p.name, 'aria-current': p.id === me.place ? 'page' : undefined,
    onclick: () => { me.place = p.id; me.tab = 'messages'; draw(); },
  }, p.kind === 'im' ? face(state.app.name, 'app') : el('span', { class: `hash ${p.private ? 'locked' : ''}` }, p.private ? '' : '#'),
  el('span', { class: 'who' }, p.kind === 'im' ? state.app.name : p.name),
  p.unread ? el('i', { class: 'dot' }, String(p.unread)) : ''))));
}

function drawHead() {
  const here = place();
  $('#place-name').textContent = here ? (here.kind === 'im' ? state.app.name : '# ' + here.name) : '';
  const tabs = here?.kind === 'im' ? [['home', 'Home'], ['messages', 'Messages']] : [];
  show($('#tabs'), JSON.stringify([tabs, me.tab]), () => tabs.map(([id, name]) => el('button', {
    type: 'button', role: 'tab', 'data-tab': id, 'aria-selected': String(me.tab === id),
    onclick: () => { me.tab = id; if (id === 'home') quietly(call('home')); draw(); },
  }, name)));
}

function clock(ts) {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: person(me.user)?.tz }).format(new Date(Number(ts) * 1000));
}

function drawMessages() {
  const here = place();
  const box = $('#messages');
  box.hidden = me.tab !== 'messages';
  const messages = here?.messages ?? [];
  const fresh = JSON.stringify([me.user, me.place]) !== me.seen;
  me.seen = JSON.stringify([me.user, me.place]);
  const scroller = $('#scroll');
  const atEnd = fresh || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const old = fresh ? new Map() : new Map([...box.children].map((n) => [n.dataset.ts, n]));
  const nodes = messages.map((m) => {
    const key = JSON.stringify([m, me.user]);
    const before = old.get(m.ts);
    if (before?.dataset.key === key) return before;
    const node = message(m, here);
    node.dataset.key = key;
    if (!fresh && !before) node.classList.add('new');
    if (before) node.classList.add('edited');
    return node;
  });
  if (!nodes.length) nodes.push(el('p', { class: 'nothing' }, 'Nothing here yet.'));
  const same = nodes.length === box.children.length && nodes.every((n, i) => n === box.children[i]);
  if (!same) box.replaceChildren(...nodes);
  if (atEnd && !same) scroller.scrollTop = scroller.scrollHeight;
  if (here?.unread && me.tab === 'messages' && document.visibilityState === 'visible') quietly(call('read', { channel: here.id }));
}

function message(m, here) {
  const name = m.app ? state.app.name : state.names[m.user] ?? 'Slack';
  const where = { kind: 'message', channel: here.id, ts: m.ts };
  const body = m.blocks.length ? blocks(m.blocks, host(where, m.state, false)) : [el('div', { class: 'b-text' }, ...mrkdwn(m.text, context()))];
  return el('article', { class: `message ${m.private ? 'private' : ''}`, 'data-ts': m.ts, 'aria-label': `Message from ${name}` },
    face(name, m.app ? 'app' : ''),
    el('div', { class: 'content' },
      el('header', {}, el('b', {}, name), m.app ? el('span', { class: 'tag' }, 'app') : '', el('time', {}, clock(m.ts)),
        m.edited ? el('span', { class: 'faint' }, '(edited)') : ''),
      m.private ? el('div', { class: 'only' }, 'Only visible to you') : '',
      ...body));
}

function drawHome() {
  const box = $('#home');
  box.hidden = me.tab !== 'home' || place()?.kind !== 'im';
  if (box.hidden) return;
  show(box, JSON.stringify([me.user, state.home?.hash, state.home?.given]), () => (state.home
    ? blocks(state.home.blocks, host({ kind: 'home' }, state.home.given, false))
    : [el('p', { class: 'nothing' }, 'Opening…')]));
}

function drawModal() {
  const box = $('#modal');
  const view = state.modal;
  if (!view) {
    shownModal = '';
    if (box.open) box.close();
    return;
  }
  const key = `${me.user} ${view.id} ${view.hash}`;
  if (key !== shownModal) {
    // The same form changed by the app keeps what was typed; another one starts empty.
    if (box.dataset.view !== view.id) values = {};
    box.dataset.view = view.id;
    shownModal = key;
    const given = withTyped(view);
    box.replaceChildren(modal(view, given));
  }
  if (!box.open) box.showModal();
}

function withTyped(view) {
  const given = structuredClone(view.given ?? {});
  for (const b of view.blocks) {
    const e = b.element;
    if (e && /text_input|number_input/.test(e.type) && values[e.action_id] !== undefined) {
      given[b.block_id] = { [e.action_id]: { value: values[e.action_id] } };
    }
  }
  return given;
}

function modal(view, given) {
  const submit = async (event) => {
    event.preventDefault();
    const button = form.querySelector('.primary');
    if (button) button.disabled = true;
    try {
      const answer = await call('submit', { values });
      if (answer.outcome === 'errors') wrong(form, answer.errors);
    } catch { /* said in the toast */ } finally {
      if (button) button.disabled = false;
    }
  };
  const close = () => quietly(call('close'));
  const form = el('form', { onsubmit: submit, novalidate: true },
    el('header', {}, el('h2', { id: 'modal-title' }, ...textObject(view.title, context())),
      el('button', { type: 'button', class: 'cross', 'aria-label': 'Close', onclick: close }, '×')),
    el('div', { class: 'modal-body' }, ...blocks(view.blocks, host({ kind: 'modal' }, given, true))),
    el('footer', {},
      el('button', { type: 'button', class: 'b-button', onclick: close }, ...(view.close ? textObject(view.close, context()) : ['Close'])),
      view.submit ? el('button', { class: 'b-button primary' }, ...textObject(view.submit, context())) : ''));
  return form;
}

function wrong(form, errors) {
  for (const note of form.querySelectorAll('.wrong')) note.hidden = true;
  for (const [block, words] of Object.entries(errors)) {
    const note = form.querySelector(`[data-block="${CSS.escape(block)}"] .wrong`);
    if (note) { note.textContent = words; note.hidden = false; }
  }
}

function drawComposer() {
  const here = place();
  $('#composer').hidden = me.tab === 'home';
  $('#line').placeholder = here ? `Message ${here.kind === 'im' ? state.app.name : '#' + here.name}` : '';
  if (!me.first.has(me.user)) {
    me.first.add(me.user);
    $('#line').value = state.first_line ?? '';
    me.shown = me.user;
  } else if (me.shown !== me.user) {
    $('#line').value = me.drafts[me.user] ?? '';
    me.shown = me.user;
  }
  $('#shortcuts').hidden = !state.shortcuts.length;
  hint();
}

function hint() {
  const typed = $('#line').value;
  const box = $('#hint');
  const fits = typed.startsWith('/') ? state.commands.filter((c) => c.command.startsWith(typed.split(' ')[0]) || typed.startsWith(c.command + ' ')) : [];
  box.hidden = !fits.length;
  box.replaceChildren(...fits.map((c) => el('div', {}, el('b', {}, c.command), ' ', el('code', {}, c.usage_hint), el('span', {}, c.description))));
  $('#line').style.height = 'auto';
  $('#line').style.height = `${Math.min($('#line').scrollHeight, 160)}px`;
}

async function send(event) {
  event?.preventDefault();
  const line = $('#line').value.trim();
  if (!line || !place()) return;
  $('#line').value = '';
  hint();
  await quietly(call('type', { channel: me.place, line }));
  $('#line').focus();
}

$('#composer').addEventListener('submit', send);
$('#line').addEventListener('input', hint);
$('#line').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey) send(event);
});
$('#shortcuts').addEventListener('click', () => quietly(call('shortcut', { callback_id: state.shortcuts[0].callback_id })));
$('#modal').addEventListener('cancel', (event) => {
  event.preventDefault();
  quietly(call('close'));
});
addEventListener('hashchange', () => {
  const as = new URLSearchParams(location.hash.slice(1)).get('as');
  if (as && as !== me.user) become(as);
});

const source = new EventSource('/_demo/events');
source.addEventListener('change', refresh);
source.addEventListener('error', () => toast('The demo does not answer. Is it still running?'));
source.addEventListener('open', () => { $('#toast').hidden = true; });
document.addEventListener('visibilitychange', () => { if (state) draw(); });
panel($('#panel'));
