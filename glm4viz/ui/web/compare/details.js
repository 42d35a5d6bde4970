// The panel beside the text: what each recipe makes of one item.

const STATE_CLASSES = ["absent", "masked", "trained", "differs"];
/** How many characters of a text are shown there. */
const EXCERPT = 240;
const OUTER_SPACES = /^ +| +$/g;
const CONTROLS = /[\u0000-\u001f\u007f]/g;

/** A text that is read as such: with signs for control characters, and for spaces only where they would be missed. */
function legible(text) {
  return visible(text, OUTER_SPACES, CONTROLS);
}

function place({ roles, role_texts: names }, item) {
  return item.message < 0 ? names[""] : `messages[${item.message}] ${names[roles[item.message]]}`;
}

/** An item in one line, for screen readers. */
function spokenItem(header, item) {
  const what = item.slot < 0 ? item.text.slice(0, EXCERPT) : `${header.slot_names[item.slot]} ${item.cells.find((cell) => cell[1])?.[1].slice(0, EXCERPT) ?? ""}`;
  return `${place(header, item)}: ${what}. ${header.ids.map((id, r) => `${id} ${header.states[item.states[r]]}`).join(", ")}`;
}

class Details {
  /** @param {() => void} onUnpin */
  constructor(onUnpin) {
    this.onUnpin = onUnpin;
    this.element = element("aside", "panel");
    this.element.dataset.testid = "compare-details";
  }

  /** Nothing is pointed at yet: an item may stand for all that can be seen here. */
  hint(header, item) {
    const { texts } = header;
    if (item) this.show(header, item, false);
    else this.element.replaceChildren();
    this.element.append(element("p", "", texts.hint), element("p", "keys", texts.keys));
  }

  show(header, item, pinned) {
    const { texts } = header;
    const slot = item.slot < 0 ? texts.content : header.slot_names[item.slot];
    const head = element("div", "panel-head", element("span", "where", `${place(header, item)} · ${slot}`));
    if (pinned) head.append(button("unpin", texts.unpin, "", this.onUnpin));
    const parts = [head];
    if (item.slot < 0) {
      const long = item.text.length > EXCERPT;
      parts.push(element("div", "face", legible(long ? `${item.text.slice(0, EXCERPT)}…` : item.text)));
      parts.push(element("p", "bytes", fill(texts.bytes, { start: item.from, stop: item.to })));
    }
    this.element.replaceChildren(...parts, element("ol", "recipes", ...header.ids.map((_, r) => this.recipe(header, item, r))));
  }

  /** What one recipe makes of it. */
  recipe(header, item, r) {
    const { texts } = header;
    const state = item.states[r];
    const verdict = element("span", `state ${STATE_CLASSES[state]}`, header.states[state]);
    const name = element("div", "recipe", badge(r), element("span", "id", header.ids[r]), staveSample("line", [state]), verdict);
    const line = element("li", "", name);
    const cell = item.cells?.[r];
    if (!cell?.[1]) return line;
    const [, text, label, tokens, trained] = cell;
    const what = element("div", "cell", element("code", "", legible(text)));
    if (state >= TRAINED && tokens === 1) what.append(element("span", "arrow", ` ${texts.taught} `), label ? element("code", "", legible(label)) : texts.itself);
    if (tokens > 1) what.append(element("span", "part", ` ${fill(texts.part, { n: trained, m: tokens })}`));
    line.append(what);
    if (SLOTS[item.slot] === "end" && state >= TRAINED && header.roles[item.message] === "assistant") {
      const stops = header.stop_names.includes(label || text);
      line.append(element("div", stops ? "good" : "bad", (stops ? "✓ " : "✗ ") + (stops ? texts.stops : texts.goes_on)));
    }
    return line;
  }
}
