// A component that uses the hook, mounted and unmounted by React itself; the device's own count of what is in
// use is the witness.
import assert from "node:assert/strict";
import { StrictMode, createElement } from "react";
import renderer, { act } from "react-test-renderer";
import { USES, connect } from "./dist/src/index.js";
import { usePanel } from "./dist/src/react.js";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const [address, token] = process.argv.slice(2);
const options = { baseUrl: `http://${address}/v1/devices/sim`, token };
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

async function until(what, is) {
  for (let n = 0; n < 1200; n++) {
    if (await is()) return;
    await act(pause);
  }
  throw new Error(`not in time: ${what}`);
}

async function inUse() {
  const answer = await fetch(options.baseUrl, { headers: { Authorization: `Bearer ${token}` } });
  return (await answer.json()).uses.length;
}

const kinds = new Set();
const errors = [];

function Hall({ options }) {
  const { panel, state } = usePanel(options, {
    onNews: (news) => kinds.add(news.kind),
    onState: (_, error) => error && errors.push(error),
  });
  return createElement("button", { onClick: () => panel.lampToggle() }, state);
}

assert.equal(await inUse(), 0);
const mounted = (options) => createElement(StrictMode, null, createElement(Hall, { options }));
let root;
await act(async () => {
  root = renderer.create(mounted(options));
});
await until("open", () => root.toJSON().children[0] === "open");
await until("held", async () => (await inUse()) === USES.length);
await until("the first news", () => kinds.has("device"));
await act(async () => root.toJSON().props.onClick());
await until("levels", () => kinds.has("levels"));
await act(async () => root.unmount());
await until("given back", async () => (await inUse()) === 0);

// A token that is none is refused, and not tried for ever.
await act(async () => {
  root = renderer.create(mounted({ ...options, token: "none" }));
});
await until("refused", () => root.toJSON().children[0] === "refused");
assert.equal(errors.at(-1).status, 401);
// Another token connects anew.
await act(async () => root.update(mounted(options)));
await until("open again", () => root.toJSON().children[0] === "open");
await act(async () => root.unmount());
await until("given back again", async () => (await inUse()) === 0);

// One that is closed by its first word ends, and holds nothing.
const states = [];
const session = connect(options, {
  onState: (state) => {
    states.push(state);
    session.close();
  },
});
let ended = false;
session.ended.then(() => (ended = true));
await until("ended", () => ended);
assert.deepEqual(states, ["connecting"]);
assert.equal(await inUse(), 0);
console.log("done");
process.exit(0);
