// Slack's own Node client against our Slack-compatible server. Reads SLACK_URL, SLACK_BOT_TOKEN, SLACK_APP_TOKEN and
// NODE_PACKAGES (the folder with node_modules). Prints `ok NAME` or `FAILED NAME: why` for each check.
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const require = createRequire(`${process.env.NODE_PACKAGES}/`);
const { SocketModeClient } = require('@slack/socket-mode');
const { WebClient, LogLevel } = require('@slack/web-api');

const URL_ = process.env.SLACK_URL;
const slackApiUrl = `${URL_}/api/`;
const web = new WebClient(process.env.SLACK_BOT_TOKEN, { slackApiUrl, logLevel: LogLevel.ERROR });
const socket = new SocketModeClient({
  appToken: process.env.SLACK_APP_TOKEN, clientOptions: { slackApiUrl, logLevel: LogLevel.ERROR }, logLevel: LogLevel.ERROR,
});

async function demo(path, body) {
  const response = await fetch(`${URL_}/_demo/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
}
const screen = async (user) => (await fetch(`${URL_}/_demo/screen?user=${user}`)).text();

// What the app saw, and how it answers: by envelope kind.
const seen = [];
let answer = () => undefined;
for (const kind of ['slash_commands', 'interactive', 'app_home_opened']) {
  socket.on(kind, async (event) => {
    seen.push({ kind, ...event });
    await event.ack(answer(kind, event.body));
  });
}

async function until(what, ms = 5000) {
  for (const end = Date.now() + ms; ;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > end) throw new Error('waited in vain');
    await new Promise((r) => setTimeout(r, 20));
  }
}
const next = () => until(() => seen.shift());
const refused = (code, promise) => assert.rejects(promise, (e) => e.data?.error === code || assert.fail(`${e.message} instead of ${code}`));

const plain = (text) => ({ type: 'plain_text', text });
const card = [
  { type: 'header', text: plain('Access request') },
  { type: 'section', text: { type: 'mrkdwn', text: '*ann* asks' }, accessory: { type: 'button', action_id: 'what', text: plain('What will run') } },
  { type: 'actions', elements: [{ type: 'button', action_id: 'approve', text: plain('Approve'), value: 'v', style: 'primary' }] },
];
const form = {
  type: 'modal', callback_id: 'f', title: plain('Deny'), submit: plain('Send'),
  blocks: [{ type: 'input', block_id: 'why', label: plain('Reason'), element: { type: 'plain_text_input', action_id: 'reason' } }],
};

const checks = {
  async 'posts, edits and refuses'() {
    const sent = await web.chat.postMessage({ channel: 'U0ANN', text: 'hi', blocks: card });
    assert.match(sent.channel, /^D/);
    await web.chat.update({ channel: sent.channel, ts: sent.ts, text: 'ho', blocks: [] });
    await refused('message_not_found', web.chat.update({ channel: sent.channel, ts: '1.000002', text: 'x' }));
    await refused('invalid_blocks', web.chat.postMessage({ channel: 'C0DBA', text: 'x', blocks: [{ type: 'header', text: plain('x'.repeat(151)) }] }));
    await refused('users_not_found', web.users.lookupByEmail({ email: 'nobody@example.com' }));
    assert.equal((await web.usergroups.users.list({ usergroup: 'S0ENG' })).users.length, 2);
  },
  async 'commands are acknowledged with an answer'() {
    answer = () => ({ text: 'Asked bob and eve.' });
    const { status, reply } = await demo('type', { user: 'ann', line: '/access redis-cloud prod 2h' });
    assert.deepEqual([status, reply], [200, 'Asked bob and eve.']);
    assert.equal((await next()).body.text, 'redis-cloud prod 2h');
    answer = () => undefined;
  },
  async 'clicks open a modal that shows errors and then closes'() {
    answer = (kind, body) => (body.type === 'view_submission' && body.view.state.values.why.reason.value === 'no'
      ? { response_action: 'errors', errors: { why: 'Too short.' } } : undefined);
    await web.chat.postMessage({ channel: 'C0DBA', text: 'card', blocks: card });
    await demo('click', { user: 'bob', what: 'Approve' });
    const click = await next();
    assert.equal(click.body.actions[0].action_id, 'approve');
    await web.views.open({ trigger_id: click.body.trigger_id, view: form });
    await refused('exchanged_trigger_id', web.views.open({ trigger_id: click.body.trigger_id, view: form }));
    assert.deepEqual((await demo('submit', { user: 'bob', values: { reason: 'no' } })).errors, { why: 'Too short.' });
    assert.equal((await demo('submit', { user: 'bob', values: { reason: 'use the replica' } })).outcome, 'closed');
    seen.length = 0;
    answer = () => undefined;
  },
  async 'the home tab is published when opened'() {
    await demo('home', { user: 'bob' });
    assert.equal((await next()).event.type, 'app_home_opened');
    await web.views.publish({ user_id: 'U0BOB', view: { type: 'home', blocks: [card[1]] } });
    assert.match(await screen('bob'), /\(home\)\n\*ann\* asks \[What will run\]/);
  },
  async 'the client reconnects when told and when cut'() {
    for (const how of ['refresh', 'cut']) {
      const back = new Promise((resolve) => socket.once('connected', resolve));
      await demo('fault', { what: 'sockets', how });
      await back;
      await until(async () => (await demo('type', { user: 'ann', line: `/access after ${how}` })).status === 200);
      await until(async () => (await next()).body.text === `after ${how}`);
    }
  },
};

let failed = 0;
await socket.start();
for (const [name, run] of Object.entries(checks)) {
  try {
    await run();
    console.log(`ok node: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED node: ${name}: ${String(error.message).replaceAll('\n', ' | ')}`);
    console.error(error);
  }
  await demo('fault', { what: 'clear' });
}
await socket.disconnect();
process.exit(failed ? 1 : 0);
