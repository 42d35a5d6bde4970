// The view: puts the parts together; what is pointed at, pinned, searched and filtered, by mouse and by keyboard.

/** The number of the last wish to go to a token, of each component's key: a view that was taken off the page and comes back has granted it already. */
const wishes = new Map();

class View {
  constructor(parent, key) {
    this.key = key;
    this.toggles = { shift: false, ids: false, whitespace: false };
    this.filter = {};
    this.query = "";
    this.matches = { starts: [], stops: [] };
    this.match = -1;
    this.hover = -1;
    this.pin = -1;
    this.build(parent);
    this.listen();
  }

  // Elements ---------------------------------------------------------------------------------------------------------------------------------------

  build(parent) {
    this.root = element("div", "token-view");
    this.root.dataset.testid = "token-view";
    this.toolbar = new Toolbar({
      search: (query) => this.find(query),
      searchKey: (event) => this.onSearchKey(event),
      jump: (what, way) => this.jump(what, way),
      toggle: (name) => this.setToggle(name),
    });
    this.legend = new Legend((group, value) => this.setFilter(group, value));
    this.note = element("p", "note");
    this.flow = new Flow({ dress: (piece) => this.dress(piece), change: () => this.later("showWindow", "drawArrow") });
    this.arrow = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.arrow.setAttribute("class", "arrow");
    this.arrow.setAttribute("aria-hidden", "true");
    this.arrowPath = document.createElementNS("http://www.w3.org/2000/svg", "path");
    this.arrow.append(this.arrowPath);
    this.minimap = new Minimap((fraction) => this.flow.seek(fraction));
    // The panel's buttons vanish with what it shows; the keyboard goes on in the text.
    const inText = (action) => (i) => (this.flow.element.focus({ preventScroll: true }), action(i));
    this.panel = new Panel({ go: inText((i) => this.moveTo(i, true)), unpin: inText(() => this.setPin(-1)) });
    this.flow.cover = this.panel.element;
    this.live = element("div", "live");
    this.live.setAttribute("aria-live", "polite");
    const stage = element("div", "stage");
    stage.append(this.flow.element, this.minimap.element, this.panel.element);
    this.root.append(this.toolbar.element, this.legend.element, this.note, stage, this.live);
    parent.append(this.root);
    this.resize = new ResizeObserver(() => this.later("drawMinimap", "drawArrow"));
    this.resize.observe(this.flow.element);
  }

  /** Counts in the legend and on the rails: they change with the sample and with what a mark means. */
  refreshCounts() {
    const { texts } = this.sample.header;
    this.showLegend();
    this.note.textContent = this.toggles.shift ? texts.shifted_note : texts.stored_note;
    this.flow.refreshShares();
  }

  showLegend() {
    this.legend.show(this.sample, this.toggles.shift, this.filter);
    this.root.classList.toggle("filtered", Object.keys(this.filter).length > 0);
  }

  /** Everything about a piece that can change while it is drawn. */
  dress(piece) {
    const i = tokenOf(piece);
    const marked = isMarked(this.sample, i, this.toggles.shift);
    const classes = piece.classList;
    classes.toggle("trained", marked);
    classes.toggle("masked", !marked);
    classes.toggle("dim", !this.passes(i, marked));
    classes.toggle("problem", this.sample.problems.has(i));
    classes.toggle("match", this.isMatch(i));
    classes.toggle("now", this.match >= 0 && i >= this.matches.starts[this.match] && i < this.matches.stops[this.match]);
    classes.toggle("pinned", i === this.pin);
    classes.toggle("cursor", i === this.flow.cursor);
    classes.toggle("hover", i === this.hover);
    const value = this.sample.values?.[i];
    const valued = value !== undefined && !Number.isNaN(value);
    classes.toggle("valued", valued);
    if (valued) piece.style.setProperty("--value", strength(value, this.sample.header.value_top));
  }

  redress() {
    for (const piece of this.flow.canvas.querySelectorAll(".tok,.piece")) this.dress(piece);
  }

  dressToken(i) {
    if (i < 0) return;
    for (const piece of this.flow.canvas.querySelectorAll(`[data-i="${i}"],[data-of="${i}"]`)) this.dress(piece);
  }

  passes(i, marked) {
    const { state, role, part } = this.filter;
    if (state !== undefined && (state === "trained") !== marked) return false;
    if (part !== undefined && this.sample.parts[i] !== part) return false;
    const message = this.sample.messages[i];
    return role === undefined || role === (message < 0 ? "" : this.sample.header.roles[message]);
  }

  drawMinimap() {
    if (!this.sample) return;
    this.minimap.draw(this.sample, this.toggles.shift, (i) => this.isMatch(i));
    this.showWindow();
  }

  showWindow() {
    const T = this.sample.length || 1;
    this.minimap.view(this.flow.topToken() / T, (this.flow.bottomToken() + 1) / T);
  }

  /** From the position that predicts to the token that is predicted. */
  drawArrow() {
    const i = this.shown();
    const from = this.toggles.shift ? i : i - 1;
    const a = i >= 0 && this.flow.tokenElement(from);
    const b = i >= 0 && this.flow.tokenElement(from + 1);
    this.arrow.style.display = a && b ? "" : "none";
    if (!a || !b) return;
    const origin = this.flow.canvas.getBoundingClientRect();
    const above = (node) => {
      const box = node.getClientRects()[0] ?? node.getBoundingClientRect();
      return [box.left + box.width / 2 - origin.left, box.top - origin.top + 2];
    };
    const [x1, y1] = above(a);
    const [x2, y2] = above(b);
    const top = Math.min(y1, y2) - 13;
    const head = `M${x2 - 4} ${y2 - 7}L${x2} ${y2}L${x2 + 4} ${y2 - 7}`;
    this.arrowPath.setAttribute("d", `M${x1} ${y1}C${x1} ${top} ${x2} ${top} ${x2} ${y2}${head}`);
  }

  // What the reader does ---------------------------------------------------------------------------------------------------------------------------

  listen() {
    const { element: flow } = this.flow;
    let pressed = [0, 0];
    flow.addEventListener("pointermove", (event) => {
      const i = tokenOf(event.target);
      if (event.pointerType !== "touch" && i >= 0) this.setHover(i);
    });
    flow.addEventListener("pointerleave", () => this.setHover(-1));
    flow.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]));
    flow.addEventListener("click", (event) => {
      const i = tokenOf(event.target);
      const dragged = Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4; // the reader selects text
      if (i < 0 || dragged) return;
      this.setCursor(i);
      this.setPin(i === this.pin ? -1 : i);
    });
    flow.addEventListener("keydown", (event) => this.onKey(event));
    flow.addEventListener("focus", () => {
      const byKeyboard = flow.matches(":focus-visible");
      if (byKeyboard && this.sample?.length && this.flow.cursor < 0) this.setCursor(this.pin >= 0 ? this.pin : this.flow.topToken());
    });
    flow.addEventListener("scroll", () => this.later("showWindow"), { passive: true });
  }

  onKey(event) {
    if (event.target !== this.flow.element || event.altKey || event.metaKey || !this.sample?.length) return;
    const last = this.sample.length - 1;
    const i = Math.max(0, this.flow.cursor);
    const actions = {
      ArrowLeft: () => this.moveTo(i - 1),
      ArrowRight: () => this.moveTo(this.flow.cursor < 0 ? 0 : i + 1),
      ArrowUp: () => this.moveTo(this.flow.lineFrom(i, -1)),
      ArrowDown: () => this.moveTo(this.flow.lineFrom(i, 1)),
      Home: () => this.moveTo(event.ctrlKey ? 0 : this.flow.lineEnd(i, -1)),
      End: () => this.moveTo(event.ctrlKey ? last : this.flow.lineEnd(i, 1)),
      PageUp: () => this.page(-1),
      PageDown: () => this.page(1),
      Enter: () => this.setPin(i === this.pin ? -1 : i),
      " ": () => this.setPin(i === this.pin ? -1 : i),
      Escape: () => this.setPin(-1),
      t: () => this.jump("trained", 1),
      T: () => this.jump("trained", -1),
      m: () => this.jump("message", 1),
      M: () => this.jump("message", -1),
      p: () => this.jump("problem", 1),
      P: () => this.jump("problem", -1),
      c: () => this.flow.fold(this.flow.sectionOf(i)),
      "/": () => this.toolbar.search.focus(),
    };
    const action = actions[event.key];
    if (!action || (event.ctrlKey && !["Home", "End"].includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
    this.setHover(-1);
    action();
  }

  moveTo(i, centre = false) {
    const to = Math.min(this.sample.length - 1, Math.max(0, i));
    this.flow.reveal(to, centre);
    this.setHover(-1);
    this.setCursor(to);
  }

  page(way) {
    const { flow } = this;
    flow.element.scrollTop += way * flow.element.clientHeight * 0.85;
    this.moveTo(way > 0 ? Math.max(flow.cursor, flow.bottomToken()) : Math.min(Math.max(0, flow.cursor), flow.topToken()));
  }

  /** @param {"trained" | "message" | "problem"} what */
  jump(what, way) {
    const { sample } = this;
    const from = this.flow.cursor >= 0 ? this.flow.cursor : this.flow.topToken() - 1;
    const starts = {
      trained: (i) => isMarked(sample, i, this.toggles.shift) && !(i > 0 && isMarked(sample, i - 1, this.toggles.shift)),
      message: (i) => i === 0 || sample.messages[i] !== sample.messages[i - 1],
      problem: (i) => sample.problems.has(i),
    };
    // Once around, so that the last leads to the first.
    for (let step = 1; step <= sample.length; step++) {
      const i = (((from + way * step) % sample.length) + sample.length) % sample.length;
      if (starts[what](i)) return void this.moveTo(i, true);
    }
  }

  setToggle(name) {
    this.toggles[name] = !this.toggles[name];
    if (name === "shift") {
      this.redress();
      this.refreshCounts();
      this.drawMinimap();
    } else {
      this.flow.holding(() => {
        this.root.classList.toggle("with-ids", this.toggles.ids);
        this.root.classList.toggle("with-whitespace", this.toggles.whitespace);
        this.flow.redraw();
      });
    }
    this.refresh();
    return this.toggles[name];
  }

  setFilter(group, value) {
    if (this.filter[group] === value) delete this.filter[group];
    else this.filter[group] = value;
    this.showLegend();
    this.redress();
  }

  // Searching --------------------------------------------------------------------------------------------------------------------------------------

  find(query) {
    this.query = query;
    this.matches = query ? findMatches(this.sample, query) : { starts: [], stops: [] };
    this.match = -1;
    this.matched = null;
    if (this.matches.starts.length) {
      this.matched = new Uint8Array(this.sample.length);
      this.matches.starts.forEach((start, k) => this.matched.fill(1, start, this.matches.stops[k]));
    }
    this.redress();
    this.drawMinimap();
    this.sayFound();
  }

  isMatch(i) {
    return this.matched?.[i] === 1;
  }

  sayFound() {
    const { texts } = this.sample.header;
    const n = this.matches.starts.length;
    const { found } = this.toolbar;
    if (!this.query) found.textContent = "";
    else if (!n) found.textContent = texts.no_match;
    else found.textContent = fill(this.match < 0 ? texts.matches : texts.match, { i: thousands(this.match + 1), n: thousands(n) });
  }

  onSearchKey(event) {
    const n = this.matches.starts.length;
    if (event.key === "Escape") {
      this.toolbar.search.value = "";
      this.find("");
      this.flow.element.focus();
    } else if (event.key === "Enter" && n) {
      event.preventDefault();
      if (this.match < 0) this.match = event.shiftKey ? n - 1 : Math.max(0, this.matches.starts.findIndex((start) => start >= this.flow.topToken()));
      else this.match = (this.match + (event.shiftKey ? n - 1 : 1)) % n;
      this.moveTo(this.matches.starts[this.match], true);
      this.redress();
      this.sayFound();
    }
    event.stopPropagation();
  }

  // Pointing and pinning ---------------------------------------------------------------------------------------------------------------------------

  setHover(i) {
    if (i === this.hover) return;
    const before = this.hover;
    this.hover = i;
    this.dressToken(before);
    this.dressToken(i);
    this.refresh();
  }

  setCursor(i) {
    const before = this.flow.cursor;
    this.flow.setCursor(i);
    this.dressToken(before);
    this.dressToken(i);
    this.announce();
    this.refresh();
  }

  setPin(i) {
    if (i === this.pin) return;
    const before = this.pin;
    this.pin = i;
    this.dressToken(before);
    this.dressToken(i);
    this.refresh();
    this.setStateValue("pinned", i < 0 ? null : i);
  }

  /** The token that the panel explains; pinning moves the cursor, and moving on leaves the pin behind. */
  shown() {
    return [this.hover, this.flow.cursor, this.pin].find((i) => i >= 0) ?? -1;
  }

  refresh() {
    if (!this.sample) return;
    const i = this.shown();
    if (i < 0) this.panel.hint(this.sample.header.texts);
    else this.panel.show(this.sample, i, i === this.pin);
    this.drawArrow();
  }

  /** For screen readers; a little late, so that a held arrow key doesn't queue up hundreds of tokens. */
  announce() {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      const { sample } = this;
      const i = this.flow.cursor;
      if (i < 0 || i >= sample.length) return;
      const { header } = sample;
      const { texts } = header;
      const text = describe(sample, i).replace(/↵/g, ` ${texts.newline} `).replace(/→/g, ` ${texts.tab} `);
      this.live.textContent = fill(texts.announce, {
        text: /^·+$/.test(text) ? texts.space : text.replace(/·/g, " "),
        id: sample.ids[i],
        role: roleText(sample, sample.messages[i]),
        part: header.part_texts[sample.parts[i]],
        state: isMarked(sample, i, this.toggles.shift) ? texts.trained : texts.masked,
        why: header.reason_texts[sample.reasons[i]] ?? "",
      });
    }, 150);
  }

  // Life -------------------------------------------------------------------------------------------------------------------------------------------

  update(data, setStateValue) {
    this.setStateValue = setStateValue;
    const dark = isDark(getComputedStyle(this.root).getPropertyValue("--st-background-color"));
    this.root.classList.toggle("dark", dark);
    if (!data) return;
    if (sameView(data, this.blob)) this.later("drawMinimap"); // the theme may have changed
    else this.load(data);
    this.goTo(...readFocus(data));
  }

  /** The page wishes to show a token, such as that of a problem; once for each wish. */
  goTo(token, wish) {
    if (wish === wishes.get(this.key)) return;
    wishes.set(this.key, wish);
    if (!(wish >= 0 && token >= 0 && token < this.sample.length)) return;
    this.wished = token;
    this.later("grantWish"); // the new text has its place by then
  }

  grantWish() {
    if (this.wished >= this.sample.length) return;
    this.flow.element.scrollIntoView({ block: "nearest" });
    this.moveTo(this.wished, true);
    this.flow.tokenElement(this.wished).scrollIntoView({ block: "nearest" }); // the text may be higher than the window
    // A button leads here as a link does; a table keeps the keyboard, so that one can walk down its rows.
    if (document.activeElement?.closest("button")) this.flow.element.focus({ preventScroll: true });
  }

  /** Another sample. What the reader has set stays; the pin and the place stay if the same tokens are still there. */
  load(blob) {
    const before = this.sample;
    const sample = readSample(blob);
    const scroll = this.flow.element.scrollTop;
    const stays = (i) => i >= 0 && i < sample.length && sample.ids[i] === before?.ids[i] && sample.offsets[i] === before?.offsets[i];
    const same = before?.length === sample.length;
    this.blob = blob;
    this.sample = sample;
    this.flow.cursor = stays(this.flow.cursor) ? this.flow.cursor : -1;
    this.hover = -1;
    const { texts } = sample.header;
    this.root.dataset.tokens = sample.length;
    this.root.lang = sample.header.language;
    this.flow.element.setAttribute("aria-label", `${texts.title}. ${texts.keys_title}: ${texts.keys}`);
    if (this.filter.role && !sample.header.roles.includes(this.filter.role)) delete this.filter.role;
    this.toolbar.show(sample, this.toggles);
    this.flow.show(sample, this.toggles, this.arrow);
    this.refreshCounts();
    this.flow.element.scrollTop = same ? scroll : 0;
    if (this.query) this.find(this.query);
    if (this.pin >= 0 && !stays(this.pin)) this.setPin(-1);
    this.refresh();
    this.later("drawMinimap");
  }

  /** Calls methods in the next frame; however often they are asked for, once. */
  later(...methods) {
    this.waiting ??= new Set();
    if (!this.waiting.size) this.frame = requestAnimationFrame(() => this.runWaiting());
    for (const method of methods) this.waiting.add(method);
  }

  runWaiting() {
    const { waiting } = this;
    this.waiting = new Set();
    for (const method of waiting) this[method]();
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.speaking);
    this.flow.observer.disconnect();
    this.resize.disconnect();
    this.root.remove();
  }
}

/** Whether two blobs are the same but for the token to go to. */
function sameView(a, b) {
  if (a === b) return true;
  if (a.length !== b?.length) return false;
  for (let p = 0; p < a.length - FOCUS; p++) if (a[p] !== b[p]) return false;
  return true;
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
export default function tokenView({ data, key, parentElement, setStateValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new View(parentElement, key)));
  view.update(data, setStateValue);
  return () => {
    view.destroy();
    views.delete(parentElement);
  };
}
