// Several recipes on one conversation: the text once, and below it a line for each recipe, as on a stave. Text becomes text nodes only.

const ABSENT = 0;
const MASKED = 1;
const TRAINED = 2;
const DIFFERS = 3;
const STATE_CLASSES = ["absent", "masked", "trained", "differs"];
/** Characters that are drawn of one message at first, and with every "more". */
const AT_ONCE = 6000;
const MARGIN = 800;
const HEAD_SLOTS = ["prefix", "tools", "tag", "header"];
const EXCERPT = 240;

// The data ----------------------------------------------------------------------------------------------------------------------------------------------

const decoder = new TextDecoder();
const TYPES = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

/** What `encode` in __init__.py wrote. */
function read(blob) {
  const buffer = blob.byteOffset % 4 ? blob.slice() : blob;
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(decoder.decode(buffer.subarray(4, 4 + length)));
  const start = buffer.byteOffset + 4 + length + ((4 - (length % 4)) % 4);
  const data = { header };
  for (const [name, [dtype, offset, count]] of Object.entries(header.arrays)) data[name] = new TYPES[dtype](buffer.buffer, start + offset, count);
  return data;
}

/** Text of bytes; those that are no whole character are written as escapes. */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join("");
  }
}

/**
 * A stretch of one message's content, or a chip of one of its slots: what can be pointed at.
 * @typedef {{message: number, slot: number, states: number[], text: string, from: number, to: number, cells: Array | null, kind: string, alike: boolean}} Item
 */

/** The items of every message, in reading order; message -1 has what stands before all, and what belongs to no message. */
function itemsByMessage(data) {
  const { header } = data;
  const R = header.ids.length;
  const found = new Map([[-1, []]]);
  for (let m = 0; m < header.roles.length; m++) found.set(m, []);
  const tails = new Map();
  for (let s = 0; s * 3 < data.slots.length; s++) {
    const [message, slot, differs] = data.slots.subarray(s * 3, s * 3 + 3);
    const cells = Array.from(data.cell_of.subarray(s * R, s * R + R), (k) => header.cells[k]);
    const states = cells.map((cell) => cell[0]);
    const item = { message, slot, states, cells, text: "", from: 0, to: 0, kind: kindOf(states), alike: !differs, size: 1 };
    const isHead = HEAD_SLOTS.includes(SLOTS[slot]);
    const list = isHead ? found.get(message) : tails.get(message) ?? tails.set(message, []).get(message);
    list.push(item);
  }
  const total = data.bases[data.bases.length - 1];
  for (let k = 0; k < data.starts.length; k++) {
    const message = data.messages[k];
    const from = data.starts[k];
    const to = Math.min(data.starts[k + 1] ?? total, data.bases[message + 1]);
    const states = Array.from(data.states.subarray(k * R, k * R + R));
    const text = textOf(data.text.subarray(from, to));
    const alike = states.every((state) => state === states[0]);
    const base = data.bases[message];
    found.get(message).push({ message, slot: -1, states, cells: null, text, from: from - base, to: to - base, kind: kindOf(states), alike, size: [...text].length });
  }
  for (const [message, list] of tails) found.get(message).push(...list);
  return found;
}

const SLOTS = ["prefix", "tools", "tag", "header", "think", "rewritten", "call", "separator", "end", "outside"];

/** all, none, some (or only:r for two recipes), label_differs, missing. */
function kindOf(states) {
  if (states.includes(DIFFERS)) return "label_differs";
  if (states.includes(ABSENT)) return "missing";
  const n = states.filter((state) => state === TRAINED).length;
  if (n === states.length) return "all";
  if (!n) return "none";
  return states.length === 2 ? `only:${states.indexOf(TRAINED)}` : "some";
}

// Elements ----------------------------------------------------------------------------------------------------------------------------------------------

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function thousands(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Control characters as signs. */
function visible(text) {
  return text.replace(/\n/g, "↵").replace(/\t/g, "→").replace(/^ +| +$/g, (s) => "·".repeat(s.length)).replace(/[\u0000-\u001f\u007f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

const LINES = ["none", "var(--dotted)", "var(--solid)", "var(--striped)"];
const PITCH = 5;

/** The lines below an element, one a recipe; the first is on top. */
function drawStave(node, states) {
  const layers = states.map((state, r) => [LINES[state], (states.length - 1 - r) * PITCH, state === MASKED ? 2 : state === TRAINED ? 3 : 4]).filter(([line]) => line !== "none");
  node.style.backgroundImage = layers.map(([line]) => line).join(",");
  node.style.backgroundPosition = layers.map(([, y, h]) => `0 calc(100% - ${y + Math.floor((4 - h) / 2)}px)`).join(",");
  node.style.backgroundSize = layers.map(([, , h]) => `100% ${h}px`).join(",");
  node.style.backgroundRepeat = "no-repeat";
}

// The view ----------------------------------------------------------------------------------------------------------------------------------------------

class View {
  constructor(parent) {
    this.filter = "everything";
    this.pin = null;
    this.hover = null;
    this.cursor = null;
    this.root = element("div", "compare-view");
    this.root.dataset.testid = "compare-view";
    this.legend = element("div", "legend");
    this.toolbar = element("div", "toolbar");
    this.flow = element("div", "flow");
    this.flow.tabIndex = 0;
    this.flow.setAttribute("role", "group");
    this.panel = element("aside", "panel");
    this.panel.dataset.testid = "compare-details";
    const stage = element("div", "stage");
    stage.append(this.flow, this.panel);
    this.root.append(this.legend, this.toolbar, stage);
    parent.append(this.root);
    this.items = new WeakMap();
    this.observer = new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && this.draw(e.target)), { root: this.flow, rootMargin: `${MARGIN}px 0px` });
    this.listen();
  }

  listen() {
    const at = (event) => event.target.closest?.(".item");
    this.flow.addEventListener("pointerover", (event) => event.pointerType !== "touch" && this.setHover(at(event)));
    this.flow.addEventListener("pointerleave", () => this.setHover(null));
    this.flow.addEventListener("click", (event) => {
      const node = at(event);
      if (!node || String(getSelection())) return;
      this.setCursor(node, false);
      this.setPin(node === this.pin ? null : node);
    });
    this.flow.addEventListener("focusin", (event) => at(event) && this.setCursor(at(event), false));
    this.flow.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.altKey || event.metaKey || event.ctrlKey || event.target.closest("button")) return;
    const actions = {
      ArrowRight: () => this.move(1),
      ArrowDown: () => this.move(1),
      ArrowLeft: () => this.move(-1),
      ArrowUp: () => this.move(-1),
      n: () => this.move(1, true),
      N: () => this.move(-1, true),
      Enter: () => this.setPin(this.cursor === this.pin ? null : this.cursor),
      " ": () => this.setPin(this.cursor === this.pin ? null : this.cursor),
      Escape: () => this.setPin(null),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
    this.setHover(null);
    action();
  }

  /** To the next item, or to the next at which the recipes differ; messages on the way are drawn. */
  move(way, differing = false) {
    let node = this.cursor?.isConnected ? this.cursor : null;
    for (;;) {
      node = this.next(node, way);
      if (!node) return;
      if (!differing || !this.items.get(node).alike) break;
    }
    this.setCursor(node, true);
  }

  next(node, way) {
    const sections = [...this.flow.children];
    let k = node ? sections.indexOf(node.closest(".message")) : way > 0 ? 0 : sections.length - 1;
    for (let first = true; k >= 0 && k < sections.length; k += way, first = false) {
      this.draw(sections[k]);
      const nodes = [...sections[k].querySelectorAll(".item")];
      const i = first && node ? nodes.indexOf(node) + way : way > 0 ? 0 : nodes.length - 1;
      if (nodes[i]) return nodes[i];
    }
    return null;
  }

  // Pointing ---------------------------------------------------------------------------------------------------------------------------------------------

  setHover(node) {
    if (node === this.hover) return;
    this.hover?.classList.remove("hover");
    this.hover = node;
    node?.classList.add("hover");
    this.refresh();
  }

  setCursor(node, focus) {
    this.cursor = node;
    if (!node.hasAttribute("aria-label")) node.setAttribute("aria-label", this.describe(this.items.get(node)));
    if (focus) {
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: "nearest" });
    }
    this.refresh();
  }

  setPin(node) {
    this.pin?.classList.remove("pinned");
    this.pin = node;
    node?.classList.add("pinned");
    this.refresh();
  }

  refresh() {
    const node = [this.hover, this.pin, this.cursor].find((n) => n?.isConnected);
    if (node) this.explain(this.items.get(node), node === this.pin);
    else this.begin();
  }

  /** Nothing is pointed at yet: the first difference stands for all that can be seen here. */
  begin() {
    const { texts } = this.data.header;
    const hint = [element("p", "", texts.hint), element("p", "keys", texts.keys)];
    const first = [...this.byMessage.values()].flat().find((item) => !item.alike && this.passes(item));
    if (first) this.explain(first, false);
    this.panel[first ? "append" : "replaceChildren"](...hint);
  }

  /** One line for screen readers. */
  describe(item) {
    const { header } = this.data;
    const what = item.slot < 0 ? item.text.slice(0, EXCERPT) : `${header.slot_names[item.slot]} ${item.cells.find((cell) => cell[1])?.[1].slice(0, EXCERPT) ?? ""}`;
    return `${this.place(item)}: ${what}. ${header.ids.map((id, r) => `${id} ${header.states[item.states[r]]}`).join(", ")}`;
  }

  place(item) {
    const { roles, role_texts: names } = this.data.header;
    return item.message < 0 ? names[""] : `messages[${item.message}] ${names[roles[item.message]]}`;
  }

  explain(item, pinned) {
    const { header } = this.data;
    const { texts } = header;
    const head = element("div", "panel-head");
    const slot = item.slot < 0 ? texts.content : header.slot_names[item.slot];
    head.append(element("span", "where", `${this.place(item)} · ${slot}`));
    if (pinned) {
      const unpin = element("button", "unpin", texts.unpin);
      unpin.type = "button";
      unpin.addEventListener("click", () => (this.setPin(null), this.flow.focus({ preventScroll: true })));
      head.append(unpin);
    }
    const parts = [head];
    if (item.slot < 0) {
      const long = item.text.length > EXCERPT;
      parts.push(element("div", "face", visible(long ? `${item.text.slice(0, EXCERPT)}…` : item.text)));
      parts.push(element("p", "bytes", fill(texts.bytes, { start: item.from, stop: item.to })));
    }
    const list = element("ol", "recipes");
    header.ids.forEach((id, r) => list.append(this.recipeLine(item, id, r)));
    this.panel.replaceChildren(...parts, list);
  }

  recipeLine(item, id, r) {
    const { header } = this.data;
    const { texts } = header;
    const state = item.states[r];
    const line = element("li");
    const name = element("div", "recipe");
    name.append(badge(r), element("span", "id", id));
    const verdict = element("span", `state ${STATE_CLASSES[state]}`, header.states[state]);
    const sample = element("span", "line");
    drawStave(sample, [state]);
    name.append(sample, verdict);
    line.append(name);
    const cell = item.cells?.[r];
    if (cell?.[1]) {
      const [, text, label, tokens, trained] = cell;
      const what = element("div", "cell");
      what.append(element("code", "", visible(text)));
      if (state >= TRAINED && tokens === 1) what.append(element("span", "arrow", ` ${texts.taught} `), label ? element("code", "", visible(label)) : texts.itself);
      if (tokens > 1) what.append(element("span", "part", ` ${fill(texts.part, { n: trained, m: tokens })}`));
      line.append(what);
      if (SLOTS[item.slot] === "end" && state >= TRAINED && header.roles[item.message] === "assistant") {
        const stops = header.stop_names.includes(label || text);
        line.append(element("div", stops ? "good" : "bad", (stops ? "✓ " : "✗ ") + (stops ? texts.stops : texts.goes_on)));
      }
    }
    return line;
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------------------------------------

  update(blob) {
    const dark = isDark(getComputedStyle(this.root).getPropertyValue("--st-background-color"));
    this.root.classList.toggle("dark", dark);
    if (!blob || (this.blob && same(blob, this.blob))) return;
    this.blob = blob;
    this.data = read(blob);
    this.byMessage = itemsByMessage(this.data);
    const { header } = this.data;
    this.root.lang = header.language;
    this.root.dataset.recipes = header.ids.join(",");
    this.root.style.setProperty("--lines", header.ids.length);
    this.flow.setAttribute("aria-label", `${header.texts.title}. ${header.texts.keys}`);
    this.pin = this.hover = this.cursor = null;
    this.countKinds();
    if (!this.kinds.has(this.filter) && !["everything", "differing"].includes(this.filter)) this.filter = "everything";
    this.showLegend();
    this.showToolbar();
    this.build();
    this.begin();
  }

  countKinds() {
    this.kinds = new Map();
    this.total = this.different = 0;
    for (const items of this.byMessage.values()) {
      for (const item of items) {
        this.kinds.set(item.kind, (this.kinds.get(item.kind) ?? 0) + item.size);
        this.total += item.size;
        if (!item.alike) this.different += item.size;
      }
    }
  }

  showLegend() {
    const { header } = this.data;
    const recipes = element("ol", "recipes");
    header.ids.forEach((id, r) => {
      const entry = element("li");
      const lines = element("span", "line stave");
      drawStave(lines, header.ids.map((_, k) => (k === r ? TRAINED : ABSENT)));
      entry.append(badge(r), lines, element("span", "id", id));
      recipes.append(entry);
    });
    const states = element("ul", "states");
    for (const state of [TRAINED, DIFFERS, MASKED, ABSENT]) {
      const entry = element("li");
      const line = element("span", `line ${STATE_CLASSES[state]}`);
      drawStave(line, [state]);
      entry.append(line, header.states[state]);
      states.append(entry);
    }
    const tint = element("li");
    tint.append(element("span", "line unlike"), header.texts.tint);
    states.append(tint);
    this.legend.replaceChildren(element("span", "title", header.texts.lines), recipes, states);
  }

  showToolbar() {
    const { ids, texts } = this.data.header;
    const two = ids.length === 2;
    const choices = [
      ["everything", texts.everything, this.total],
      ["differing", texts.differing, this.different],
      ...["all", "none", "some", "only:0", "only:1", "label_differs", "missing"].filter((kind) => this.kinds.has(kind)).map((kind) => [kind, this.kindName(kind, two), this.kinds.get(kind)]),
    ];
    const bar = choices.map(([filter, name, count]) => {
      const made = element("button", "choice");
      made.type = "button";
      made.title = `${thousands(count)} ${texts.units}`;
      made.setAttribute("aria-pressed", String(filter === this.filter));
      made.dataset.filter = filter;
      made.append(name, element("span", "count", thousands(count)));
      made.addEventListener("click", () => this.setFilter(filter));
      return made;
    });
    this.toolbar.replaceChildren(element("span", "title", texts.show), ...bar);
  }

  kindName(kind, two) {
    const { ids, texts } = this.data.header;
    if (kind.startsWith("only:")) return fill(texts.only, { name: ids[Number(kind.slice(5))] });
    if (two && kind === "all") return texts.both;
    if (two && kind === "none") return texts.neither;
    return texts[kind];
  }

  setFilter(filter) {
    this.filter = filter;
    for (const choice of this.toolbar.querySelectorAll(".choice")) choice.setAttribute("aria-pressed", String(choice.dataset.filter === filter));
    this.pin = this.hover = this.cursor = null;
    this.build();
    this.begin();
  }

  passes(item) {
    return this.filter === "everything" || (this.filter === "differing" ? !item.alike : item.kind === this.filter);
  }

  /** All messages, those in view drawn, the others as high as they are guessed to be. */
  build() {
    this.observer.disconnect();
    const sections = [];
    for (const [message, items] of this.byMessage) {
      const shown = items.filter((item) => this.passes(item));
      if (!shown.length) continue;
      const made = element("section", "message empty");
      made.style.setProperty("--role", message < 0 ? "var(--role-none)" : `var(--role-${this.data.header.roles[message]}, var(--role-other))`);
      made.dataset.message = message;
      const characters = Math.min(AT_ONCE, shown.reduce((sum, item) => sum + (item.slot < 0 ? item.size : 0), 0));
      made.style.minHeight = `${90 + Math.ceil(characters / 60) * 50}px`;
      sections.push(made);
    }
    this.flow.replaceChildren(...(sections.length ? sections : [element("p", "nothing", this.data.header.texts.nothing)]));
    this.flow.scrollTop = 0;
    for (const section of sections.slice(0, 3)) this.draw(section);
    for (const section of sections) this.observer.observe(section);
  }

  draw(section) {
    if (!section.classList.contains("empty")) return;
    section.classList.remove("empty");
    section.style.minHeight = "";
    this.observer.unobserve(section);
    const message = Number(section.dataset.message);
    const items = this.byMessage.get(message);
    const body = element("div", "body");
    let line = null;
    let skipped = 0;
    let budget = AT_ONCE;
    const into = (kind) => {
      if (line?.dataset.kind !== kind) {
        line = element("div", kind === "text" ? "text" : "slots");
        line.dataset.kind = kind;
        body.append(line);
      }
      return line;
    };
    const skip = () => {
      if (skipped) into("text").append(element("span", "skipped", `⋯ ${fill(this.data.header.texts.alike, { n: thousands(skipped) })} ⋯`));
      skipped = 0;
    };
    for (let k = 0; k < items.length; k++) {
      const item = items[k];
      if (!this.passes(item)) {
        if (item.slot < 0) skipped += item.size;
        continue;
      }
      if (item.slot >= 0) {
        skip();
        into(HEAD_SLOTS.includes(SLOTS[item.slot]) ? "head" : "tail").append(this.slot(item));
        continue;
      }
      skip();
      budget = this.stretch(into("text"), item, 0, budget);
    }
    skip();
    section.append(this.rail(message, items), body);
  }

  /** As much of a stretch as the budget allows; the rest behind a button. Returns the budget left. */
  stretch(line, item, from, budget) {
    const room = Math.max(budget, 200);
    const to = item.text.length - from <= room * 1.2 ? item.text.length : from + room;
    const node = this.itemNode("span", "stretch", item, from === 0 && to === item.text.length ? item.text : item.text.slice(from, to));
    drawStave(node, item.states);
    line.append(node);
    if (to < item.text.length) {
      const more = element("button", "more", fill(this.data.header.texts.more, { n: thousands(item.text.length - to) }));
      more.type = "button";
      more.addEventListener("click", () => {
        const rest = element("span");
        more.replaceWith(rest);
        this.stretch(rest, item, to, AT_ONCE * 3);
      });
      line.append(more);
    }
    return budget - (to - from);
  }

  itemNode(tag, className, item, text) {
    const node = element(tag, `item ${className}${item.alike ? "" : " unlike"}`, text);
    node.tabIndex = -1;
    node.setAttribute("role", "button");
    this.items.set(node, item);
    return node;
  }

  /** A slot: one chip for all recipes that write and teach the same there, else several. */
  slot(item) {
    const made = element("span", "slot");
    made.append(element("span", "slot-name", this.data.header.slot_names[item.slot]));
    const groups = new Map();
    item.cells.forEach((cell, r) => {
      if (!cell[1]) return;
      const key = JSON.stringify([cell[1], cell[0] === DIFFERS ? cell[2] : ""]);
      groups.set(key, [...(groups.get(key) ?? []), r]);
    });
    for (const [key, members] of groups) {
      const [text, label] = JSON.parse(key);
      const chip = this.itemNode("span", "chip", item, "");
      if (groups.size > 1) members.forEach((r) => chip.append(badge(r)));
      const shown = visible(text);
      chip.append(element("span", "name", shown.length > 48 ? `${shown.slice(0, 46)}…` : shown));
      if (label) chip.append(element("span", "arrow", "⇒"), element("span", "name taught", visible(label)));
      drawStave(chip, item.states.map((state, r) => (members.includes(r) ? state : ABSENT)));
      made.append(chip);
    }
    return made;
  }

  /** Who speaks, and how much of the text each recipe trains. */
  rail(message, items) {
    const { header } = this.data;
    const rail = element("div", "rail");
    rail.append(element("span", "role", header.role_texts[message < 0 ? "" : header.roles[message]]));
    if (message < 0) return rail;
    rail.append(element("span", "number", `messages[${message}]`));
    const size = items.reduce((sum, item) => sum + (item.slot < 0 ? item.size : 0), 0);
    if (!size) return rail;
    const list = element("ol", "recipes");
    header.ids.forEach((id, r) => {
      const n = items.reduce((sum, item) => sum + (item.slot < 0 && item.states[r] >= TRAINED ? item.size : 0), 0);
      const entry = element("li");
      entry.title = id;
      entry.append(badge(r), element("span", "percent", `${n && n < size ? Math.min(99, Math.max(1, Math.round((100 * n) / size))) : (100 * n) / size} %`));
      list.append(entry);
    });
    rail.append(list);
    return rail;
  }

  destroy() {
    this.observer.disconnect();
    this.root.remove();
  }
}

function badge(r) {
  const made = element("span", "badge", String(r + 1));
  made.setAttribute("aria-hidden", "true");
  return made;
}

function same(a, b) {
  return a.length === b.length && a.every((byte, p) => byte === b[p]);
}

/** Streamlit tells the theme's colours but not whether it is dark. */
function isDark(colour) {
  const context = element("canvas").getContext("2d");
  context.fillStyle = colour.trim() || "#fff";
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}

/** @type {WeakMap<Element | ShadowRoot, View>} */
const views = new WeakMap();

/** Streamlit calls this on mounting and again whenever the data or the theme changes. */
export default function compareView({ data, parentElement }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new View(parentElement)));
  view.update(data);
  return () => {
    view.destroy();
    views.delete(parentElement);
  };
}
