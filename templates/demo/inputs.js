// Inputs of forms and selects in messages: text, choices, dates; values are kept by action id until the form goes off.
import { el, textObject } from './mrkdwn.js';

let serial = 0;

// An input block, or (type "bare") a select among actions.
export function input(block, h) {
  const e = block.element;
  const id = `in-${++serial}`;
  const bare = block.type === 'bare';
  const field = (KINDS[e.type] ?? KINDS.plain_text_input)(e, block, h, id);
  const label = el('label', { for: id, class: bare ? 'away' : '' }, ...textObject(block.label, h.context),
    block.optional && !bare ? el('span', { class: 'optional' }, ' (optional)') : '');
  const node = el('div', { class: bare ? 'b-bare' : 'b-input', 'data-action': e.action_id }, label, field);
  if (block.hint) node.append(el('small', { class: 'hint' }, ...textObject(block.hint, h.context)));
  node.append(el('small', { class: 'wrong', role: 'alert', hidden: true }));
  return node;
}

const text = (o) => o?.text?.text ?? '';
const changed = (e, block, h) => (event) => h.change(e, block, event.target.value);

function options(e) {
  const one = (o, chosen) => el('option', { value: o.value, selected: chosen.includes(o.value) }, text(o));
  return (chosen) => (e.option_groups ?? []).map((g) => el('optgroup', { label: g.label.text }, ...g.options.map((o) => one(o, chosen))))
    .concat((e.options ?? []).map((o) => one(o, chosen)));
}

const line = (type) => (e, block, h, id) => el('input', {
  id, type, value: h.given(block, e)?.value ?? e.initial_value ?? '', placeholder: e.placeholder?.text,
  maxlength: e.max_length, minlength: e.min_length, min: e.min_value, max: e.max_value,
  step: e.is_decimal_allowed ? 'any' : undefined, oninput: changed(e, block, h),
});

const KINDS = {
  plain_text_input(e, block, h, id) {
    const value = h.given(block, e)?.value ?? e.initial_value ?? '';
    const shared = { id, value, placeholder: e.placeholder?.text, maxlength: e.max_length, minlength: e.min_length, oninput: changed(e, block, h) };
    return e.multiline ? el('textarea', { ...shared, rows: 3 }) : el('input', { ...shared, type: 'text' });
  },
  number_input: line('number'),
  email_text_input: line('email'),
  url_text_input: line('url'),
  static_select(e, block, h, id) {
    const chosen = h.given(block, e)?.selected_option?.value ?? e.initial_option?.value;
    const empty = el('option', { value: '', disabled: true, selected: !chosen }, e.placeholder?.text ?? 'Choose…');
    return el('select', { id, onchange: changed(e, block, h) }, empty, ...options(e)(chosen ? [chosen] : []));
  },
  multi_static_select(e, block, h, id) {
    const chosen = (h.given(block, e)?.selected_options ?? e.initial_options ?? []).map((o) => o.value);
    const node = el('select', { id, multiple: true, onchange: () => h.change(e, block, [...node.selectedOptions].map((o) => o.value).join(',')) }, ...options(e)(chosen));
    return node;
  },
  external_select: external,
  multi_external_select: external,
  overflow(e, block, h, id) {
    return el('select', { id, onchange: changed(e, block, h) }, el('option', { value: '' }, '⋯'), ...options(e)([]));
  },
  checkboxes: ticks('checkbox'),
  radio_buttons: ticks('radio'),
  users_select(e, block, h, id) {
    const chosen = h.given(block, e)?.selected_user ?? e.initial_user;
    const people = Object.entries(h.context.names).map(([user, name]) => el('option', { value: user, selected: user === chosen }, '@' + name));
    return el('select', { id, onchange: changed(e, block, h) }, el('option', { value: '', selected: !chosen }, e.placeholder?.text ?? 'Choose…'), ...people);
  },
  datepicker: (e, block, h, id) => el('input', { id, type: 'date', value: h.given(block, e)?.selected_date ?? e.initial_date ?? '', onchange: changed(e, block, h) }),
  timepicker: (e, block, h, id) => el('input', { id, type: 'time', value: h.given(block, e)?.selected_time ?? e.initial_time ?? '', onchange: changed(e, block, h) }),
};

function ticks(type) {
  return (e, block, h, id) => {
    const given = h.given(block, e);
    const chosen = (given?.selected_options ?? (given?.selected_option && [given.selected_option]) ?? e.initial_options ?? (e.initial_option ? [e.initial_option] : [])).map((o) => o.value);
    const set = el('fieldset', { id });
    set.append(...e.options.map((o) => el('label', { class: 'tick' },
      el('input', { type, name: id, value: o.value, checked: chosen.includes(o.value), onchange: () => h.change(e, block, [...set.querySelectorAll(':checked')].map((i) => i.value).join(',')) }),
      ' ', ...textObject(o.text, h.context))));
    return set;
  };
}

// A select whose options the app loads: a box to type in, a list to pick from.
function external(e, block, h, id) {
  const chosen = h.given(block, e)?.selected_option ?? e.initial_option;
  const listId = `${id}-list`;
  const list = el('ul', { id: listId, role: 'listbox', hidden: true });
  const box = el('input', {
    id, type: 'text', role: 'combobox', autocomplete: 'off', 'aria-controls': listId, 'aria-expanded': 'false',
    placeholder: e.placeholder?.text ?? 'Type to search…', value: text(chosen),
  });
  let asked = 0;
  let timer = 0;
  const hide = () => {
    list.hidden = true;
    box.setAttribute('aria-expanded', 'false');
  };
  const pick = (option) => {
    box.value = text(option);
    hide();
    h.change(e, block, option.value);
  };
  const load = async () => {
    const query = box.value === text(chosen) ? '' : box.value;
    if (query.length < (e.min_query_length ?? 0)) return;
    const mine = ++asked;
    const found = await h.options(e, query).catch(() => null);
    if (mine !== asked || document.activeElement !== box) return;
    list.replaceChildren(...(found?.length ? found.map((o) => el('li', { role: 'option', tabindex: '-1', onmousedown: (event) => { event.preventDefault(); pick(o); } },
      text(o), o.description ? el('small', {}, o.description.text) : ''))
      : [el('li', { class: 'none' }, found ? 'Nothing found' : 'Options did not load')]));
    list.hidden = false;
    box.setAttribute('aria-expanded', 'true');
  };
  box.addEventListener('focus', load);
  box.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(load, 200); });
  box.addEventListener('blur', hide);
  box.addEventListener('keydown', (event) => move(event, list));
  return el('div', { class: 'combo' }, box, list);
}

function move(event, list) {
  const items = [...list.querySelectorAll('[role=option]')];
  if (list.hidden || !items.length) return;
  const at = items.findIndex((i) => i.classList.contains('at'));
  if (event.key === 'Enter' && at >= 0) {
    event.preventDefault();
    items[at].dispatchEvent(new MouseEvent('mousedown', { bubbles: true, cancelable: true }));
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    items[at]?.classList.remove('at');
    items[(at + (event.key === 'ArrowDown' ? 1 : items.length - 1) + (at < 0 && event.key === 'ArrowUp' ? 1 : 0)) % items.length].classList.add('at');
  }
}
