// The pieces around the text: toolbar, legend, explain panel, minimap. Each owns one element and is told what to show; what happens then is the view's business.

/** Fills {placeholders} of one of the view's texts. */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function button(className, label, title, onClick) {
  const made = element("button", className, label);
  made.type = "button";
  if (title) made.title = title;
  made.addEventListener("click", onClick);
  return made;
}

/** The CSS colour of a role; roles that GLM-4 doesn't know share one. */
function roleColour(role) {
  return `var(--role-${["system", "user", "assistant", "observation"].includes(role) ? role : "other"})`;
}

/** Counts go over a hundred thousand: with separators, which Chinese and English share. */
function thousands(n) {
  return n.toLocaleString("en-US");
}

function roleText(sample, message) {
  const { roles, role_texts: texts, texts: own } = sample.header;
  return message < 0 ? texts[""] ?? own.outside : texts[roles[message]] ?? roles[message] ?? "";
}

/** How strong the background of a value is, 0 to 1. The root spreads the small values, where most tokens are. */
function strength(value, top) {
  return Math.sqrt(Math.min(1, Math.max(0, value / top)));
}

/** Search, jumps and toggles. */
class Toolbar {
  /**
   * @param {Object} on
   * @param {(query: string) => void} on.search
   * @param {(event: KeyboardEvent) => void} on.searchKey
   * @param {(what: "trained" | "message" | "problem", way: 1 | -1) => void} on.jump
   * @param {(name: "shift" | "ids" | "whitespace") => boolean} on.toggle  says whether it is on now
   */
  constructor(on) {
    this.on = on;
    this.element = element("div", "toolbar");
    this.element.setAttribute("role", "group");
    this.search = element("input");
    this.search.type = "search";
    this.search.spellcheck = false;
    this.search.dataset.testid = "search";
    this.search.addEventListener("input", () => on.search(this.search.value));
    this.search.addEventListener("keydown", on.searchKey);
    this.found = element("output", "found");
    this.found.dataset.testid = "found";
    this.box = element("div", "search");
    this.box.append(this.search, this.found);
  }

  /** The search box stays the same element, so that a sample that arrives while the reader types doesn't take the keyboard away. */
  show(sample, toggles) {
    const { texts } = sample.header;
    this.element.setAttribute("aria-label", texts.controls);
    this.search.placeholder = texts.search;
    this.search.setAttribute("aria-label", texts.search);
    this.jumps?.remove();
    this.toggles?.remove();
    this.jumps = this.buildJumps(sample);
    this.toggles = this.buildToggles(texts, toggles);
    if (!this.box.isConnected) this.element.append(this.box);
    this.element.append(this.jumps, this.toggles);
  }

  buildJumps({ header: { texts }, problems }) {
    const jumps = element("div", "jumps");
    const back = button("", "‹", texts.previous_trained, () => this.on.jump("trained", -1));
    back.setAttribute("aria-label", texts.previous_trained);
    jumps.append(
      back,
      button("", `${texts.jump_trained} ›`, texts.next_trained, () => this.on.jump("trained", 1)),
      button("", `${texts.jump_message} ›`, texts.next_message, () => this.on.jump("message", 1)),
    );
    if (problems.size) {
      jumps.append(button("problem-jump", `${fill(texts.problems, { n: problems.size })} ›`, texts.next_problem, () => this.on.jump("problem", 1)));
    }
    return jumps;
  }

  buildToggles(texts, states) {
    const toggles = element("div", "toggles");
    for (const [name, testid, text] of [["shift", "shift", texts.shifted], ["ids", "ids", texts.ids], ["whitespace", "space", texts.whitespace]]) {
      const toggle = button("toggle", text, "", () => toggle.setAttribute("aria-pressed", String(this.on.toggle(name))));
      toggle.dataset.testid = `toggle-${testid}`;
      toggle.setAttribute("aria-pressed", String(states[name]));
      toggles.append(toggle);
    }
    return toggles;
  }
}

/** Every kind of token with its count. An entry is a filter: pressed, it dims everything else. */
class Legend {
  /** @param {(group: "state" | "role" | "part", value: string | number) => void} onFilter */
  constructor(onFilter) {
    this.element = element("div", "legend");
    this.onFilter = onFilter;
  }

  /** @param {{state?: string, role?: string, part?: number}} filter */
  show(sample, shifted, filter) {
    const { header } = sample;
    const { texts } = header;
    const counts = this.count(sample, shifted);
    const focused = this.element.getRootNode().activeElement?.dataset?.entry;
    const roles = [...new Set(header.roles)].map((role) => [role, header.role_texts[role] ?? role]);
    this.element.replaceChildren(
      this.group("state", texts.states, [["trained", texts.trained], ["masked", texts.masked]], counts, filter, texts),
      this.group("role", texts.by_role, [...roles, ["", roleText(sample, -1)]], counts, filter, texts),
      this.group("part", texts.by_part, header.part_texts.map((text, part) => [part, text]), counts, filter, texts),
      ...this.scale(sample),
    );
    // The entries are new elements; the keyboard's place must not be lost.
    if (focused) this.element.querySelector(`[data-entry="${CSS.escape(focused)}"]`)?.focus();
  }

  /** What the strength of a background means, where tokens have values. */
  scale(sample) {
    if (!sample.values) return [];
    const { value_label: label, value_top: top } = sample.header;
    const made = element("div", "group");
    made.append(element("span", "group-title", label));
    for (const share of [0, 0.125, 0.25, 0.5, 1]) {
      const step = element("span", "swatch valued", `${Number((share * top).toPrecision(2))}${share === 1 ? "+" : ""}`);
      step.style.setProperty("--value", strength(share * top, top));
      made.append(step);
    }
    return [made];
  }

  /** Counts of all entries in one pass: key -> [tokens, trained]. */
  count(sample, shifted) {
    const counts = new Map();
    const add = (key, marked) => {
      let entry = counts.get(key);
      if (!entry) counts.set(key, (entry = [0, 0]));
      entry[0]++;
      entry[1] += marked;
    };
    for (const section of sample.sections) {
      const role = `role:${section.message < 0 ? "" : sample.header.roles[section.message]}`;
      for (let i = section.start; i < section.stop; i++) {
        const marked = isMarked(sample, i, shifted) ? 1 : 0;
        add(marked ? "state:trained" : "state:masked", marked);
        add(role, marked);
        add(`part:${sample.parts[i]}`, marked);
      }
    }
    return counts;
  }

  group(group, title, entries, counts, filter, texts) {
    const made = element("div", `group ${group}`);
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", title);
    made.append(element("span", "group-title", title));
    for (const [value, name] of entries) {
      const [all, marked] = counts.get(`${group}:${value}`) ?? [0, 0];
      if (!all && group !== "state" && filter[group] !== value) continue;
      const entry = button("entry", "", "", () => this.onFilter(group, value));
      entry.dataset.entry = `${group}:${value}`;
      entry.setAttribute("aria-pressed", String(filter[group] === value));
      const share = group === "state" ? thousands(all) : `${thousands(marked)}/${thousands(all)}`;
      entry.title = fill(group === "state" ? texts.only : texts.only_share, { name, n: thousands(group === "state" ? all : marked), m: thousands(all) });
      const swatch = element("span", `swatch ${group === "state" ? value : ""}`, group === "state" ? "ab" : undefined);
      swatch.setAttribute("aria-hidden", "true");
      if (group === "role") swatch.style.setProperty("--role", value === "" ? "var(--role-none)" : roleColour(value));
      if (group !== "part") entry.append(swatch);
      entry.append(element("span", "name", name), element("span", "count", share));
      made.append(entry);
    }
    return made;
  }
}

/** What there is to know about one token. Its place and size are fixed, so that nothing moves while the mouse does. */
class Panel {
  /** @param {{go: (token: number) => void, unpin: () => void}} on */
  constructor(on) {
    this.on = on;
    this.element = element("aside", "panel");
    this.element.dataset.testid = "explain";
    this.element.tabIndex = 0; // it scrolls
  }

  hint(texts) {
    this.element.setAttribute("aria-label", texts.explain);
    this.element.replaceChildren(element("p", "hint", texts.hint), element("p", "keys", texts.keys));
  }

  show(sample, i, pinned) {
    const { texts } = sample.header;
    const head = element("div", "panel-head");
    head.append(this.face(sample, i));
    const state = sample.trained[i] ? "trained" : "masked";
    head.append(element("span", `verdict ${state}`, texts[state]));
    if (pinned) head.append(button("unpin", texts.unpin, "", this.on.unpin));
    const list = element("dl");
    for (const [name, ...what] of this.rows(sample, i)) {
      const value = element("dd");
      value.append(...what);
      list.append(element("dt", "", name), value);
    }
    this.element.replaceChildren(head, ...this.problems(sample, i), list, element("p", "keys", texts.keys));
    this.element.dataset.token = i;
  }

  /** The token large, as describe() says it, with the whole character when it holds only a piece. */
  face(sample, i) {
    const face = element("bdi", `face ${isNamed(sample, i) ? "special" : ""}`, shorten(describe(sample, i), 120));
    return face;
  }

  problems(sample, i) {
    return (sample.problems.get(i) ?? []).map((problem) => {
      const made = element("p", `problem-text ${problem.severity}`);
      made.append(element("strong", "", `${sample.header.texts.problem}: `), problem.text);
      return made;
    });
  }

  /** @returns {Array<[string, ...(string | Node)[]]>} */
  rows(sample, i) {
    const { header } = sample;
    const { texts } = header;
    const message = sample.messages[i];
    const owner = sample.owners[i];
    const rows = [[texts.why, header.reason_texts[sample.reasons[i]] ?? ""]];
    rows.push([texts.predicted_by, ...(i > 0 ? this.link(sample, i - 1) : [texts.first])]);
    rows.push([texts.label, ...this.label(sample, i)]);
    rows.push([texts.target, ...this.target(sample, i)]);
    rows.push([texts.owner, owner < 0 ? texts.no_owner : this.message(sample, owner)]);
    rows.push([texts.role, message < 0 ? roleText(sample, -1) : this.message(sample, message)]);
    rows.push([texts.part, header.part_texts[sample.parts[i]] ?? ""]);
    rows.push([texts.position, String(i)]);
    rows.push([texts.id, code(sample.ids[i])]);
    rows.push([texts.bytes, code(hex(bytesOf(sample, i).subarray(0, 64))), ...this.character(sample, i)]);
    rows.unshift(...this.prediction(sample, i));
    if (sample.values && !Number.isNaN(sample.values[i])) rows.unshift([header.value_label, code(sample.values[i].toPrecision(4))]);
    return rows;
  }

  /** What the model thought before the token came. */
  prediction(sample, i) {
    if (!sample.ranks || sample.ranks[i] < 0) return [];
    const { texts, likely_texts } = sample.header;
    const k = sample.topIds.length / sample.length;
    const likely = element("ol", "likely");
    for (let n = i * k; n < (i + 1) * k; n++) {
      const line = element("li", sample.topIds[n] === sample.ids[i] ? "came" : "");
      line.append(code(visible(likely_texts[sample.topIds[n]] ?? `#${sample.topIds[n]}`)), ` ${(100 * Math.exp(sample.topLogprobs[n])).toFixed(1)} %`);
      likely.append(line);
    }
    return [
      [texts.rank, String(sample.ranks[i] + 1)],
      [texts.entropy, sample.entropies[i].toFixed(2)],
      [texts.likeliest, likely],
    ];
  }

  /** Which whole character a piece belongs to. */
  character(sample, i) {
    const [from, to] = wholeCharacters(sample, i);
    if (from === sample.offsets[i] && to === sample.offsets[i + 1]) return [];
    if (!isText(sample.text, from, to)) return [];
    return [` ${fill(sample.header.texts.part_of, { character: visible(decoder.decode(sample.text.subarray(from, to))) })}`];
  }

  label(sample, i) {
    const label = labelAt(sample, i);
    if (label === null) return [sample.header.texts.ignored];
    const parts = [code(label), " ", this.named(sample, i, label)];
    if (label !== sample.ids[i]) parts.push(" ", element("strong", "differs", sample.header.texts.differs));
    return parts;
  }

  target(sample, i) {
    if (i + 1 >= sample.length) return [sample.header.texts.target_none];
    const target = labelAt(sample, i + 1);
    if (target === null) return [sample.header.texts.ignored];
    if (target === sample.ids[i + 1]) return [code(target), " ", ...this.link(sample, i + 1)];
    return [...this.label(sample, i + 1), " ", ...this.link(sample, i + 1)];
  }

  /** A label's text: known where it is the input's own or a special one. */
  named(sample, i, label) {
    if (label === sample.ids[i]) return element("bdi", "quote", shorten(describe(sample, i), 24));
    return element("bdi", "quote", sample.header.names[label] ?? "");
  }

  link(sample, i) {
    const made = button("link", "", "", () => this.on.go(i));
    made.append(element("bdi", "quote", shorten(describe(sample, i), 24)), ` ${i}`);
    return [made];
  }

  message(sample, message) {
    return `${roleText(sample, message)} · ${fill(sample.header.texts.message, { n: message })}`;
  }
}

function code(value) {
  return element("code", "", String(value));
}

function shorten(string, length) {
  const characters = Array.from(string);
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : string;
}

/** The whole conversation in one strip: who speaks, what is trained, and which part of it is in view. For the eye and the mouse only. */
class Minimap {
  /** @param {(fraction: number) => void} onSeek  where in the conversation, 0 to 1 */
  constructor(onSeek) {
    this.element = element("div", "minimap");
    this.element.setAttribute("aria-hidden", "true");
    this.canvas = element("canvas");
    this.window = element("div", "window");
    this.element.append(this.canvas, this.window);
    const seek = (event) => {
      const box = this.element.getBoundingClientRect();
      onSeek(Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)));
    };
    this.element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.element.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.element.addEventListener("pointermove", (event) => event.buttons && seek(event));
  }

  /** @param {(token: number) => boolean} isMatch */
  draw(sample, shifted, isMatch) {
    const scale = devicePixelRatio || 1;
    const width = Math.round(this.element.clientWidth * scale);
    const height = Math.round(this.element.clientHeight * scale);
    if (!width || !height || !sample.length) return;
    this.canvas.width = width;
    this.canvas.height = height;
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(name).trim();
    const context = this.canvas.getContext("2d");
    const rail = Math.round(width * 0.28);
    // Sections as bands of their role's colour.
    for (const section of sample.sections) {
      const role = section.message < 0 ? "none" : sample.header.roles[section.message];
      context.fillStyle = colour(`--role-${role}`) || colour("--role-other");
      const top = Math.floor((section.start / sample.length) * height);
      context.fillRect(0, top, rail, Math.max(1, Math.ceil((section.stop / sample.length) * height) - top));
    }
    // Each row as dark as the share of its tokens that is trained.
    for (let row = 0; row < height; row++) {
      const from = Math.floor((row / height) * sample.length);
      const to = Math.max(from + 1, Math.floor(((row + 1) / height) * sample.length));
      let marked = 0;
      let found = false;
      let problem = false;
      for (let i = from; i < to; i++) {
        if (isMarked(sample, i, shifted)) marked++;
        found ||= isMatch(i);
        problem ||= sample.problems.has(i);
      }
      if (marked) {
        context.globalAlpha = 0.25 + (0.75 * marked) / (to - from);
        context.fillStyle = colour("--trained-line");
        context.fillRect(rail + scale, row, width - rail - scale, 1);
        context.globalAlpha = 1;
      }
      if (found || problem) {
        context.fillStyle = colour(problem ? "--problem" : "--ink");
        context.fillRect(Math.round(width * 0.6), row, width, Math.max(1, Math.round(scale)));
      }
    }
  }

  /** @param {number} from @param {number} to  the tokens in view as fractions of the conversation */
  view(from, to) {
    this.window.style.top = `${from * 100}%`;
    this.window.style.height = `${Math.max(0, to - from) * 100}%`;
  }
}
