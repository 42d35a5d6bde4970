// The view: puts the parts together; what is pointed at, pinned, searched and filtered, by mouse and by keyboard.

/** The number of the last wish to go to a token, of each component's key: a view that was taken off the page and comes back has granted it already. */
const wishes = new Map();

class TokenView {
  constructor({ parentElement, key }) {
    this.key = key;
    this.toggles = { shift: false, ids: false, whitespace: false };
    this.filter = {};
    this.search = new Search();
    this.hover = -1;
    this.pin = -1;
    this.build(parentElement);
    this.listen();
  }

  // Elements ---------------------------------------------------------------------------------------------------------------------------------------

  build(parent) {
    this.root = rootIn(parent, "token-view");
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
    this.arrow = new Arrow();
    this.minimap = new Minimap((fraction) => this.flow.seek(fraction));
    // The panel's buttons vanish with what it shows; the keyboard goes on in the text.
    const inText = (action) => (i) => (this.flow.element.focus({ preventScroll: true }), action(i));
    this.panel = new Panel({ go: inText((i) => this.moveTo(i, true)), unpin: inText(() => this.setPin(-1)) });
    this.flow.cover = this.panel.element;
    this.live = element("div", "hidden");
    this.live.setAttribute("aria-live", "polite");
    const stage = element("div", "stage", this.flow.element, this.minimap.element, this.panel.element);
    this.root.append(this.toolbar.element, this.legend.element, this.note, stage, this.live);
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
    classes.toggle("lit", this.sample.isLit(i));
    classes.toggle("trained", marked);
    classes.toggle("masked", !marked);
    classes.toggle("dim", !this.passes(i, marked));
    classes.toggle("problem", this.sample.problems.has(i));
    classes.toggle("match", this.search.has(i));
    classes.toggle("now", this.search.isNow(i));
    classes.toggle("pinned", i === this.pin);
    classes.toggle("cursor", i === this.flow.cursor);
    classes.toggle("hover", i === this.hover);
    const value = this.sample.values?.[i] ?? NaN;
    classes.toggle("valued", !Number.isNaN(value));
    if (!Number.isNaN(value)) piece.style.setProperty("--value", strength(value, this.sample.header.value_top));
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
    return role === undefined || role === roleOf(this.sample, this.sample.messages[i]);
  }

  drawMinimap() {
    if (!this.sample) return;
    this.minimap.draw(this.sample, this.toggles.shift, (i) => this.search.has(i));
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
    const place = (token) => (i < 0 || this.flow.runs.isHidden(token) ? null : this.flow.tokenElement(token));
    this.arrow.draw(this.flow.canvas, place(from), place(from + 1));
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
    const action = keyActions(this, event.ctrlKey)[event.key];
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
    const from = this.flow.cursor >= 0 ? this.flow.cursor : this.flow.topToken() - 1;
    const found = nextStart(this.sample, what, from, way, this.toggles.shift);
    if (found >= 0) this.moveTo(found, true);
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
    this.search.run(this.sample, query);
    this.redress();
    this.drawMinimap();
    this.sayFound();
  }

  sayFound() {
    this.toolbar.found.textContent = this.search.words(this.sample.header.texts);
  }

  onSearchKey(event) {
    if (event.key === "Escape") {
      this.toolbar.search.value = "";
      this.find("");
      this.flow.element.focus();
    } else if (event.key === "Enter" && this.search.count) {
      event.preventDefault();
      this.moveTo(this.search.step(event.shiftKey, this.flow.topToken()), true);
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
      const i = this.flow.cursor;
      if (i >= 0 && i < this.sample.length) this.live.textContent = spoken(this.sample, i, this.toggles.shift);
    }, 150);
  }

  // Life -------------------------------------------------------------------------------------------------------------------------------------------

  update({ data, setStateValue }) {
    this.setStateValue = setStateValue;
    setTheme(this.root);
    if (!data) return;
    if (sameBytes(data, this.blob, FOCUS)) this.later("drawMinimap"); // the theme may have changed
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
    this.flow.show(sample, this.toggles, this.arrow.element);
    this.refreshCounts();
    this.flow.element.scrollTop = same ? scroll : 0;
    if (this.search.query) this.find(this.search.query);
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

export default mounting((args) => new TokenView(args));
