"use strict";
// The page of a gateway: it reads a device's stream of events and asks by the paths of /openapi.json.
// Everything that a device says is text, and is never taken for markup.

const WINDOW_MS = 20000;
const MOST_ROWS = 200;
const RANGES = {
  u8: [0, 255], i8: [-128, 127], u16: [0, 65535], i16: [-32768, 32767],
  u32: [0, 4294967295], i32: [-2147483648, 4294967295],
};

const $ = (id) => document.getElementById(id);
let token = "";
let name = "";
let device = null;
let session = 0;
let offset_ms = 0;
let tracks = new Map();
let calls = [];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (typeof value === "boolean") made.toggleAttribute(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Asking.

async function ask(method, path, body, type) {
  const headers = { authorization: `Bearer ${token}` };
  if (type) headers["content-type"] = type;
  const response = await fetch(path, { method, headers, body });
  const text = await response.text();
  let answer = {};
  try { answer = JSON.parse(text); } catch { answer = { detail: text }; }
  if (!response.ok) {
    const error = new Error(`${answer.code || response.status}: ${answer.detail || response.statusText}`);
    error.status = response.status;
    error.help = answer.help;
    throw error;
  }
  return answer;
}

const post = (path, body) => ask("POST", path, JSON.stringify(body), "application/json");
const at = (...parts) => ["/v1/devices", ...[name, ...parts].map(encodeURIComponent)].join("/");

function complain(error) {
  const text = error ? error.message + (error.help ? ` (${error.help})` : "") : "";
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

// A button that was disabled would lose the focus of the keyboard.
async function attempt(button, work) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  complain(null);
  try { await work(); } catch (error) { complain(error); } finally { button.ariaBusy = "false"; }
}

// The stream.

async function follow(mine) {
  let rest_ms = 250;
  while (mine === session) {
    try {
      const response = await fetch(at("events"), { headers: { authorization: `Bearer ${token}` } });
      if (response.status === 401 || response.status === 403) return login("the gateway does not know this token");
      if (!response.ok) throw new Error(`status ${response.status}`);
      rest_ms = 250;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done || mine !== session) { reader.cancel(); break; }
        text += value;
        const pieces = text.split("\n\n");
        text = pieces.pop();
        for (const piece of pieces) take(piece);
      }
    } catch { /* It is tried again. */ }
    if (mine !== session) return;
    connection("the gateway does not answer", true);
    await new Promise((done) => setTimeout(done, rest_ms));
    rest_ms = Math.min(rest_ms * 2, 5000);
  }
}

function take(piece) {
  let kind = "", data = "";
  for (const line of piece.split("\n")) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    if (line.startsWith("data: ")) data = line.slice(6);
  }
  if (!kind) return;
  const parsed = JSON.parse(data);
  if (kind === "device") return whole(parsed);
  if (!device) return;
  const news = parsed.data;
  if (kind === "online") {
    device.online = news.online;
    connection(news.online ? "" : news.text, !news.online);
    if (news.online) refresh();
  } else if (kind === "levels") levels(news);
  else if (kind === "store") store(news);
  else if (kind === "log") row("log", `${news.level} ${news.text}`, news.level === "WARN");
  else if (kind === "event") event(news);
  else if (kind === "progress") progress(news);
  else if (kind === "modules") {
    device.modules = news.modules;
    device.status = news.status;
    modules();
    metrics();
    if (news.changed) refresh();
  } else if (kind === "lost") refresh();
}

async function refresh() {
  try { whole(await ask("GET", at()), true); } catch { /* The stream says what is wrong. */ }
}

function connection(text, bad) {
  $("connection").textContent = text || `${device.name}: connected, ${device.port}`;
  $("connection").className = bad ? "bad" : "";
}

// What is shown.

function whole(all, again = false) {
  device = all;
  $("main").hidden = false;
  connection(all.online ? "" : all.error ? `${all.error.code}: ${all.error.text}` : "being connected", !all.online);
  if (!again) {
    for (const id of ["stores", "events", "log"]) $(id).replaceChildren();
    tracks = new Map();
    all.stores.forEach(store);
    all.events.forEach(event);
    all.log.forEach((news) => row("log", `${news.level} ${news.text}`, news.level === "WARN"));
  }
  lines();
  if (all.levels.banks) levels({ time_us: all.levels.time_us, banks: all.levels.banks });
  exports();
  modules();
  metrics();
}

// Builds again only what is another than before, so that nobody loses the focus.
function changed(id, shape) {
  const text = JSON.stringify(shape);
  if ($(id).dataset.shape === text) return false;
  $(id).dataset.shape = text;
  return true;
}

function lines() {
  const all = device.levels.lines;
  $("no-lines").hidden = all.length > 0 || !device.online;
  $("wave").hidden = all.length === 0;
  if (!changed("lines", [device.drivable, all.map((line) => [line.line, line.name, line.mode])])) return;
  $("lines").replaceChildren(...all.map((line) => {
    const level = element("span", { class: "level" });
    const input = device.drivable && line.mode !== "out";
    const press = input ? element("button", { type: "button", class: "second" }, "") : null;
    const item = element("li", { id: `line-${line.line}` }, element("strong", {}, line.name), " ", level, element("br"),
      element("small", {}, `line ${line.line}, ${line.mode}`), press ? element("br") : null, press);
    if (press) {
      press.addEventListener("click", () => attempt(press, async () => {
        const high = item.className === "high";
        await post(at("lines", line.line), { level: !high });
      }));
    }
    return item;
  }));
}

const isHigh = (banks, line) => (banks[line >> 5] >>> (line & 31) & 1) === 1;

function levels({ time_us, banks }) {
  clock(time_us);
  for (const line of device.levels.lines) {
    const high = isHigh(banks, line.line);
    track(line.line, time_us, high);
    show(line, high);
  }
}

function show(line, high) {
  const item = $(`line-${line.line}`);
  if (!item) return;
  item.className = high ? "high" : "";
  item.querySelector(".level").textContent = high ? "high" : "low";
  const press = item.querySelector("button");
  if (press) {
    press.textContent = high ? "pull low" : "drive high";
    press.setAttribute("aria-label", `${line.name}: ${press.textContent}`);
  }
}

function clock(time_us) {
  const now = time_us / 1000 - performance.now();
  // The device's clock as the freshest news has it.
  if (now > offset_ms || offset_ms - now > 2000) offset_ms = now;
}

function track(line, time_us, high) {
  const list = tracks.get(line) || [];
  tracks.set(line, list);
  const last = list[list.length - 1];
  if (last && (last.high === high || time_us < last.time_us)) return;
  list.push({ time_us, high });
  if (list.length > 2000) list.splice(0, 1000);
}

function row(id, text, bad) {
  const list = $(id);
  const end = list.scrollTop + list.clientHeight > list.scrollHeight - 8;
  list.append(element("p", bad ? { class: "bad" } : {}, text));
  while (list.children.length > MOST_ROWS) list.firstChild.remove();
  if (end) list.scrollTop = list.scrollHeight;
}

const time = (us) => (us / 1e6).toFixed(6);

function store(news) {
  if (news.lost) return row("stores", `${news.lost} stores were overwritten before they were read`, true);
  const names = news.lines.map((line) => line.name || `line ${line.line}`).join(", ");
  row("stores", `${time(news.time_us)} s  ${news.text}  ${names} ${news.high ? "high" : "low"}`);
  if (!device) return;
  for (const { line } of news.lines) {
    track(line, news.time_us, news.high);
    const known = device.levels.lines.find((of) => of.line === line);
    if (known) show(known, news.high);
  }
  clock(news.time_us);
}

function event(news) {
  const bad = ["trapped", "not_mounted", "rolled_back", "faulted", "disallowed"].includes(news.what);
  row("events", `${time(news.time_us)} s  ${news.name} ${news.key ? `${news.key}: ` : ""}${news.text}`, bad);
}

function exports() {
  const all = device.exports.filter((of) => !of.hook);
  if (!changed("exports", all)) return;
  $("exports").replaceChildren(...all.map((of, n) => {
    const fields = of.params.filter((type) => type !== "len").map((type, k) => field(type, `p-${n}-${k}`));
    const out = element("output", { "aria-live": "polite" });
    const button = element("button", {}, of.key);
    const form = element("form", {}, button, ...fields.map((made) => made.label), out);
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      attempt(button, async () => {
        out.textContent = "";
        out.className = "";
        const answer = await post(at("exports", of.key), { args: fields.map((made) => made.value()) });
        if (answer.trap) {
          out.className = "bad";
          const { code, source, function: inside } = answer.trap;
          out.textContent = `trap ${code}${source ? ` at ${source}` : inside ? ` in ${inside}` : ""}`;
        } else out.textContent = answer.results.length ? answer.results.join(", ") : "done";
      });
    });
    return form;
  }));
}

// A field for a parameter, with the range of its type.
function field(type, id) {
  let input;
  if (type === "bool") input = element("input", { id, type: "checkbox" });
  else if (RANGES[type]) {
    const [min, max] = RANGES[type];
    input = element("input", { id, type: "number", step: "1", min: String(min), max: String(max), value: "0", required: true });
  } else if (type === "f32" || type === "f64") {
    input = element("input", { id, inputmode: "decimal", value: "0", required: true });
  } else if (type === "str") input = element("input", { id });
  else if (type === "bytes") {
    input = element("input", { id, pattern: "0x([0-9a-fA-F]{2})*", value: "0x", required: true, spellcheck: "false" });
  } else input = element("input", { id, inputmode: "numeric", pattern: "-?[0-9]+|0x[0-9a-fA-F]+", value: "0", required: true });
  const range = RANGES[type] ? ` ${RANGES[type][0]} to ${RANGES[type][1]}` : "";
  const label = element("label", { for: id }, element("small", {}, `${type}${range} `), input);
  // Text: JSON's numbers are not exact beyond 2^53, and know no infinity.
  return { label, value: () => (type === "bool" ? input.checked : input.value) };
}

function modules() {
  const all = device.modules;
  const shape = all.map((of) => [of.module, of.name, of.life, of.generation, of.previous, of.trial_ms > 0, of.image && of.image.hash]);
  if (changed("modules", shape)) {
    $("modules").replaceChildren(...all.map((of) => {
      const m = of.module;
      const button = (text, path, enabled) => {
        const made = element("button", { type: "button", class: "second", disabled: !enabled }, text);
        made.setAttribute("aria-label", `${text} module ${m}`);
        made.addEventListener("click", () => attempt(made, () => post(at("modules", m, path), {})));
        return made;
      };
      const image = element("input", { id: `image-${m}`, type: "file", accept: ".xmap" });
      const map = element("input", { id: `map-${m}`, type: "file", accept: ".map" });
      const swap = element("button", { type: "button" }, "Swap");
      swap.setAttribute("aria-label", `Swap module ${m}`);
      swap.addEventListener("click", () => attempt(swap, async () => {
        if (!image.files[0]) throw new Error("choose an image first");
        if (map.files[0]) await ask("PUT", "/v1/maps", map.files[0], "application/json");
        await ask("PUT", at("modules", m, "image"), image.files[0], "application/octet-stream");
      }));
      const there = of.image !== null;
      return element("article", { "aria-label": `Module ${m}` },
        element("h3", {}, there ? `${m}: ${of.name || "unnamed"}` : `${m}: empty`),
        there ? element("p", { role: "status", id: `life-${m}` }) : null,
        there ? element("div", { class: "buttons" }, button("Confirm", "confirm", of.trial_ms > 0),
          button("Roll back", "rollback", of.previous), button("Reset", "reset", there)) : null,
        element("details", {}, element("summary", {}, "Swap in another image"),
          element("p", {}, element("label", { for: image.id }, "Image "), image),
          element("p", {}, element("label", { for: map.id }, "Its map "), map),
          element("div", { class: "buttons" }, swap),
          element("progress", { id: `progress-${m}`, value: "0", max: "1", "aria-label": `Transfer to module ${m}`, hidden: true })));
    }));
  }
  for (const of of all) {
    const image = of.image ? `version ${of.image.version}, image ${of.image.hash.slice(0, 8)}, ` : "";
    const trial = of.trial_ms > 0 ? `, on trial for another ${(of.trial_ms / 1000).toFixed(0)} s` : "";
    const text = `${of.life}: ${image}generation ${of.generation}${trial}`;
    const life = $(`life-${of.module}`);
    if (life && life.textContent !== text) life.textContent = text;
  }
}

function progress(news) {
  const bar = $(`progress-${news.module}`);
  if (!bar) return;
  bar.hidden = news.bytes >= news.of;
  bar.max = news.of;
  bar.value = news.bytes;
}

function metrics() {
  const { status } = device;
  if (!status) return;
  const sum = (key) => device.modules.reduce((all, of) => all + of[key], 0);
  const pairs = [["up", `${(status.uptime_us / 1e6).toFixed(0)} s`], ["calls", status.calls], ["traps", status.traps],
    ["events", sum("events")], ["missed", sum("missed")], ["dropped", sum("dropped")],
    ["restarts", sum("restarts")], ["bad frames", status.frames_bad]];
  $("metrics").replaceChildren(...pairs.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, String(value))]));
  const last = calls[calls.length - 1];
  if (!last || last.at_us !== status.uptime_us) calls.push({ at_us: status.uptime_us, all: sum("calls") });
  if (last && status.uptime_us < last.at_us) calls = [];
  if (calls.length > 60) calls.shift();
  rate();
}

// Pictures.

function surface(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const colour = (of) => getComputedStyle(document.documentElement).getPropertyValue(of);

function wave() {
  requestAnimationFrame(wave);
  if (!device || $("main").hidden || $("wave").hidden || document.hidden) return;
  const { context, width, height } = surface($("wave"));
  const all = device.levels.lines;
  const [end_ms, left] = [performance.now() + offset_ms, 90];
  const step = height / all.length;
  const x = (time_us) => left + (1 - (end_ms - time_us / 1000) / WINDOW_MS) * (width - left);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  all.forEach((line, n) => {
    const [top, bottom] = [n * step + step * 0.2, (n + 1) * step - step * 0.2];
    context.fillStyle = colour("--text");
    context.fillText(line.name, 2, (top + bottom) / 2, left - 8);
    const list = tracks.get(line.line) || [];
    context.strokeStyle = colour("--high");
    context.lineWidth = 1.5;
    context.beginPath();
    let y = null;
    for (const [k, { time_us, high }] of list.entries()) {
      const next = list[k + 1];
      if (next && x(next.time_us) < left) continue;
      const from = Math.max(left, x(time_us));
      const level = high ? top : bottom;
      if (y === null) context.moveTo(from, level);
      else context.lineTo(from, y);
      context.lineTo(from, level);
      context.lineTo(next ? Math.max(left, x(next.time_us)) : width, level);
      y = level;
    }
    context.stroke();
  });
}

function rate() {
  const { context, width, height } = surface($("rate"));
  const rates = calls.slice(1).map((now, k) => Math.max(0, (now.all - calls[k].all) / Math.max(0.2, (now.at_us - calls[k].at_us) / 1e6)));
  const most = Math.max(1, ...rates);
  context.fillStyle = colour("--accent");
  rates.forEach((value, k) => {
    const tall = value / most * (height - 14);
    context.fillRect(width - (rates.length - k) * width / 60, height - tall, width / 60 - 1, Math.max(1, tall));
  });
  context.fillStyle = colour("--soft");
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "top";
  context.fillText(`calls a second, at most ${most.toFixed(1)}`, 2, 0);
}

// The beginning.

function login(text) {
  session += 1;
  sessionStorage.removeItem("token");
  $("main").hidden = true;
  $("login").hidden = false;
  $("refused").textContent = text;
  $("connection").textContent = "";
  $("token").focus();
}

function open(of) {
  name = of;
  device = null;
  tracks = new Map();
  calls = [];
  session += 1;
  follow(session);
}

async function start() {
  let listed;
  try {
    listed = (await ask("GET", "/v1/devices")).devices;
  } catch (error) {
    if (error.status === 401) return login(token ? "the gateway does not know this token" : "");
    $("connection").textContent = "the gateway does not answer";
    return void setTimeout(start, 1000);
  }
  sessionStorage.setItem("token", token);
  $("login").hidden = true;
  $("device").replaceChildren(...listed.map((of) => element("option", { value: of.name }, of.name)));
  $("choose").hidden = listed.length < 2;
  if (listed.length === 0) return void ($("connection").textContent = "the token is for no device");
  open(listed.some((of) => of.name === name) ? name : listed[0].name);
}

$("device").addEventListener("change", () => open($("device").value));
$("login").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  start();
});
token = location.hash.slice(1) || sessionStorage.getItem("token") || "";
// The token does not stay in the address, which is kept and shown.
if (location.hash) history.replaceState(null, "", location.pathname);
start();
wave();
