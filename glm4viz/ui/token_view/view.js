// The view: what is drawn, what is pointed at, pinned, searched and filtered, by mouse and by keyboard.

/**
 * A block on the page. Drawn ones hold their tokens; the others are empty and as high as they are guessed, or were once measured, to be.
 * @typedef {{start: number, stop: number, section: number, element: HTMLElement, drawn: boolean}} BlockView
 */

/** How far outside the visible part blocks are drawn, in pixels. */
const MARGIN = 800;

class View {
  constructor(parent) {
    this.toggles = { shift: false, ids: false, whitespace: false };
    this.filter = {};
    this.query = "";
    this.matches = { starts: [], stops: [] };
    this.match = -1;
    this.cursor = -1; // where the keyboard is
    this.hover = -1;
    this.pin = -1;
    this.folded = new Set();
    /** @type {BlockView[]} */
    this.blocks = [];
    this.build(parent);
    this.listen();
  }

  // Elements ---------------------------------------------------------------------------------------------------------------------------------------

  build(parent) {
    this.root = element("div", "token-view");
    this.root.dataset.testid = "token-view";
    this.toolbar = element("div", "toolbar");
    this.toolbar.setAttribute("role", "group");
    this.legend = new Legend((group, value) => this.setFilter(group, value));
    this.note = element("p", "note");
    this.flow = element("div", "flow");
    this.flow.tabIndex = 0;
    this.flow.setAttribute("role", "application");
    this.canvas = element("div", "canvas");
    this.flow.append(this.canvas);
    this.arrow = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.arrow.setAttribute("class", "arrow");
    this.arrow.setAttribute("aria-hidden", "true");
    this.arrowPath = document.createElementNS("http://www.w3.org/2000/svg", "path");
    this.arrow.append(this.arrowPath);
    this.minimap = new Minimap((fraction) => this.seek(fraction));
    // The panel's buttons vanish with what it shows; the keyboard goes on in the text.
    const inText = (action) => (i) => (this.flow.focus({ preventScroll: true }), action(i));
    this.panel = new Panel({ go: inText((i) => this.moveTo(i, true)), unpin: inText(() => this.setPin(-1)) });
    this.live = element("div", "live");
    this.live.setAttribute("aria-live", "polite");
    const stage = element("div", "stage");
    stage.append(this.flow, this.minimap.element, this.panel.element);
    this.root.append(this.toolbar, this.legend.element, this.note, stage, this.live);
    parent.append(this.root);
    this.observer = new IntersectionObserver((entries) => this.onVisible(entries), { root: this.flow, rootMargin: `${MARGIN}px 0px` });
    this.resize = new ResizeObserver(() => this.later("drawMinimap", "drawArrow"));
    this.resize.observe(this.flow);
  }

  buildToolbar() {
    const { texts } = this.sample.header;
    this.toolbar.setAttribute("aria-label", texts.controls);
    this.toolbar.replaceChildren(this.buildSearch(texts), this.buildJumps(texts), this.buildToggles(texts));
  }

  buildSearch(texts) {
    const box = element("div", "search");
    this.search = element("input");
    this.search.type = "search";
    this.search.dataset.testid = "search";
    this.search.placeholder = texts.search;
    this.search.setAttribute("aria-label", texts.search);
    this.search.value = this.query;
    this.search.spellcheck = false;
    this.search.addEventListener("input", () => this.find(this.search.value));
    this.search.addEventListener("keydown", (event) => this.onSearchKey(event));
    this.found = element("output", "found");
    this.found.dataset.testid = "found";
    box.append(this.search, this.found);
    return box;
  }

  buildJumps(texts) {
    const jumps = element("div", "jumps");
    const { problems } = this.sample;
    jumps.append(
      button("jump", "‹", texts.previous_trained, () => this.jump("trained", -1)),
      button("jump wide", texts.jump_trained, texts.next_trained, () => this.jump("trained", 1)),
      button("jump", "›", texts.next_trained, () => this.jump("trained", 1)),
      button("jump wide", `${texts.jump_message} ›`, texts.next_message, () => this.jump("message", 1)),
    );
    if (problems.size) {
      const next = button("jump wide problem-jump", `${fill(texts.problems, { n: problems.size })} ›`, texts.next_problem, () => this.jump("problem", 1));
      jumps.append(next);
    }
    jumps.children[0].setAttribute("aria-label", texts.previous_trained);
    jumps.children[2].remove(); // one button forward is enough: the wide one says what it jumps over
    jumps.children[1].append(" ›");
    return jumps;
  }

  buildToggles(texts) {
    const toggles = element("div", "toggles");
    for (const [name, testid, text] of [["shift", "shift", texts.shifted], ["ids", "ids", texts.ids], ["whitespace", "space", texts.whitespace]]) {
      const toggle = button("toggle", text, "", () => this.setToggle(name, toggle));
      toggle.dataset.testid = `toggle-${testid}`;
      toggle.setAttribute("aria-pressed", String(this.toggles[name]));
      toggles.append(toggle);
    }
    return toggles;
  }

  /** All sections and blocks, still empty. */
  buildSections() {
    this.observer.disconnect();
    this.blocks = [];
    this.sections = this.sample.sections.map((section, k) => this.buildSection(section, k));
    this.canvas.replaceChildren(...this.sections, this.arrow);
    const width = Math.max(this.canvas.clientWidth - 150, 240);
    for (const block of this.blocks) block.element.style.height = `${this.guessHeight(block, width)}px`;
    let room = this.flow.clientHeight || 600;
    for (const block of this.blocks) {
      if (room < 0) break;
      this.draw(block);
      room -= block.element.getBoundingClientRect().height;
    }
    for (const block of this.blocks) this.observer.observe(block.element);
  }

  /**
   * A section of one block is drawn and emptied as a whole: with thousands of short messages, even their rails are too much to keep. A longer one is built
   * here, with its blocks as inline holders, so that no line breaks where a block ends.
   */
  buildSection(section, k) {
    const made = element("div", section.message < 0 ? "message outside" : "message");
    const role = this.sample.header.roles[section.message];
    made.style.setProperty("--role", section.message < 0 ? "var(--role-none)" : roleColour(role));
    const whole = section.blocks.length === 1;
    const holders = section.blocks.map((block) => {
      const holder = whole ? made : element("span", "block");
      holder.classList.add("empty");
      holder.dataset.block = this.blocks.length;
      this.blocks.push({ ...block, section: k, element: holder, drawn: false });
      return holder;
    });
    if (!whole) made.append(...this.sectionParts(k, holders));
    made.classList.toggle("is-folded", this.folded.has(k));
    return made;
  }

  /** Rail, text, and what stands there instead of the text while it is folded. */
  sectionParts(k, inside) {
    const { sample } = this;
    const { texts, part_texts: partTexts } = sample.header;
    const section = sample.sections[k];
    const rail = button("rail", "", "", () => this.fold(k));
    rail.tabIndex = this.railAt === k ? 0 : -1;
    rail.setAttribute("aria-expanded", String(!this.folded.has(k)));
    const name = section.message < 0 ? partTexts[sample.parts[section.start]] ?? texts.outside : roleText(sample, section.message);
    rail.append(element("span", "role", name));
    if (section.message >= 0) rail.append(element("span", "number", fill(texts.message, { n: messageNumber(section.message) })));
    rail.append(element("span", "share", this.share(section)));
    const text = element("div", "text");
    text.append(...inside);
    return [rail, text, element("div", "folded", fill(texts.collapsed, { m: section.stop - section.start }))];
  }

  share(section) {
    let n = 0;
    for (let i = section.start; i < section.stop; i++) if (isMarked(this.sample, i, this.toggles.shift)) n++;
    return fill(this.sample.header.texts.n_of_m, { n, m: section.stop - section.start });
  }

  /** Counts in the legend and on the rails: they change with the sample and with what a mark means. */
  refreshCounts() {
    const { sample } = this;
    const { texts } = sample.header;
    this.legend.show(sample, this.toggles.shift, this.filter);
    this.note.textContent = this.toggles.shift ? texts.shifted_note : texts.stored_note;
    sample.sections.forEach((section, k) => {
      const rail = this.rail(k);
      if (rail) rail.lastChild.textContent = this.share(section);
    });
  }

  /** @returns {HTMLElement | undefined} the rail of a section, if that is drawn */
  rail(k) {
    const first = this.sections[k]?.firstChild;
    return first?.classList?.contains("rail") ? first : undefined;
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------------------------------

  /** A guess from the bytes: about half an em for an ASCII character, one for a character of three bytes. */
  guessHeight(block, width) {
    const { text, offsets } = this.sample;
    let lines = 1;
    let x = 0;
    for (let p = offsets[block.start]; p < offsets[block.stop]; p++) {
      if (text[p] === 10 || x > width) {
        lines++;
        x = 0;
      }
      x += text[p] < 0x80 ? 8.2 : 5.4;
    }
    return this.toggles.ids ? Math.max(lines, ((block.stop - block.start) * 44) / width) * 48 : lines * 32;
  }

  draw(block) {
    if (block.drawn) return;
    block.drawn = true;
    const { element: holder } = block;
    const painted = this.painter.paint(block.start, block.stop);
    holder.classList.remove("empty");
    holder.style.height = "";
    holder.replaceChildren(...(holder === this.sections[block.section] ? this.sectionParts(block.section, [painted]) : [painted]));
    for (const piece of holder.querySelectorAll(".tok,.piece")) this.dress(piece);
  }

  empty(block, height) {
    if (!block.drawn) return;
    block.drawn = false;
    block.element.replaceChildren();
    block.element.classList.add("empty");
    block.element.style.height = `${height}px`;
  }

  onVisible(entries) {
    this.holding(() => {
      for (const entry of entries) {
        const block = this.blocks[entry.target.dataset.block];
        if (block?.element !== entry.target) continue; // of a sample that is gone
        if (entry.isIntersecting) this.draw(block);
        else if (entry.boundingClientRect.height) this.empty(block, entry.boundingClientRect.height);
      }
    });
    this.later("drawArrow");
  }

  /** Does something that changes heights while the text in view stays where it is: the cursor's token, if that is in view, or the one at the top. */
  holding(change) {
    const view = this.flow.getBoundingClientRect();
    const place = (i) => this.element(i)?.getBoundingClientRect();
    let held = this.cursor;
    let before = place(held);
    if (!before || before.bottom < view.top || before.top > view.bottom) before = place((held = this.topToken()));
    change();
    const after = before && place(held);
    if (after) this.flow.scrollTop += after.top - before.top;
  }

  redraw() {
    this.painter = new Painter(this.sample, this.toggles);
    for (const block of this.blocks) {
      if (!block.drawn) continue;
      block.drawn = false;
      this.draw(block);
    }
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
    classes.toggle("cursor", i === this.cursor);
    classes.toggle("hover", i === this.hover);
    const value = this.sample.values?.[i];
    const valued = value !== undefined && !Number.isNaN(value);
    classes.toggle("valued", valued);
    if (valued) piece.style.setProperty("--value", strength(value, this.sample.header.value_top));
  }

  redress() {
    for (const piece of this.canvas.querySelectorAll(".tok,.piece")) this.dress(piece);
  }

  dressToken(i) {
    if (i < 0) return;
    for (const piece of this.canvas.querySelectorAll(`[data-i="${i}"],[data-of="${i}"]`)) this.dress(piece);
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
    const box = this.flow.getBoundingClientRect();
    this.minimap.view(this.tokenAt(box.top) / T, (this.tokenAt(box.bottom) + 1) / T);
  }

  /** From the position that predicts to the token that is predicted. */
  drawArrow() {
    const i = this.shown();
    const from = this.toggles.shift ? i : i - 1;
    const a = i >= 0 && this.element(from);
    const b = i >= 0 && this.element(from + 1);
    this.arrow.style.display = a && b ? "" : "none";
    if (!a || !b) return;
    const origin = this.canvas.getBoundingClientRect();
    const middle = (node, share) => {
      const box = node.getClientRects()[0] ?? node.getBoundingClientRect();
      return [box.left + box.width * share - origin.left, box.top - origin.top + 2];
    };
    const [x1, y1] = middle(a, 0.5);
    const [x2, y2] = middle(b, 0.5);
    const top = Math.min(y1, y2) - 13;
    const head = `M${x2 - 4} ${y2 - 7}L${x2} ${y2}L${x2 + 4} ${y2 - 7}`;
    this.arrowPath.setAttribute("d", `M${x1} ${y1}C${x1} ${top} ${x2} ${top} ${x2} ${y2}${head}`);
  }

  // Places -----------------------------------------------------------------------------------------------------------------------------------------

  element(i) {
    return this.canvas.querySelector(`[data-i="${i}"]`);
  }

  blockOf(i) {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle].start <= i) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** About which token stands at a height on the screen. */
  tokenAt(y) {
    let low = 0;
    let high = this.blocks.length - 1;
    if (high < 0) return 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.box(middle).bottom > y) high = middle;
      else low = middle + 1;
    }
    const box = this.box(low);
    const { start, stop } = this.blocks[low];
    const share = box.height ? Math.min(1, Math.max(0, (y - box.top) / box.height)) : 0;
    return Math.min(stop - 1, start + Math.floor(share * (stop - start)));
  }

  /** The box of a block, or, where its message is folded and it has none, that of the message. */
  box(k) {
    const block = this.blocks[k];
    return (this.folded.has(block.section) ? this.sections[block.section] : block.element).getBoundingClientRect();
  }

  topToken() {
    return this.tokenAt(this.flow.getBoundingClientRect().top + 8);
  }

  /** Brings a token into view, scrolling the text but never the page. */
  reveal(i, centre) {
    const k = this.blockOf(i);
    const { section } = this.blocks[k];
    if (this.folded.has(section)) this.fold(section);
    for (const near of [k - 1, k + 1, k]) if (this.blocks[near]?.section === section || near === k) this.draw(this.blocks[near]);
    const box = this.element(i).getBoundingClientRect();
    const view = this.flow.getBoundingClientRect();
    const edge = Math.min(56, view.height / 4);
    if (centre && (box.top < view.top + edge || box.bottom > view.bottom - edge)) {
      this.flow.scrollTop += box.top - view.top - view.height * 0.35;
    } else if (box.top < view.top + edge) {
      this.flow.scrollTop += box.top - view.top - edge;
    } else if (box.bottom > view.bottom - edge) {
      this.flow.scrollTop += box.bottom - view.bottom + edge;
    }
  }

  seek(fraction) {
    const i = Math.min(this.sample.length - 1, Math.floor(fraction * this.sample.length));
    if (i < 0) return;
    const block = this.blocks[this.blockOf(i)];
    if (this.folded.has(block.section)) {
      this.flow.scrollTop += this.sections[block.section].getBoundingClientRect().top - this.flow.getBoundingClientRect().top;
      return;
    }
    this.draw(block);
    const view = this.flow.getBoundingClientRect();
    this.flow.scrollTop += this.element(i).getBoundingClientRect().top - view.top - view.height / 2;
  }

  // What the reader does ---------------------------------------------------------------------------------------------------------------------------

  listen() {
    const { flow } = this;
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
      if (this.cursor < 0 && flow.matches(":focus-visible")) this.setCursor(this.pin >= 0 ? this.pin : this.topToken());
    });
    flow.addEventListener("scroll", () => this.later("showWindow"), { passive: true });
  }

  onKey(event) {
    if (event.target !== this.flow || event.altKey || event.metaKey || !this.sample?.length) return;
    const last = this.sample.length - 1;
    const i = Math.max(0, this.cursor);
    const actions = {
      ArrowLeft: () => this.moveTo(i - 1),
      ArrowRight: () => this.moveTo(this.cursor < 0 ? 0 : i + 1),
      ArrowUp: () => this.moveTo(this.lineFrom(i, -1)),
      ArrowDown: () => this.moveTo(this.lineFrom(i, 1)),
      Home: () => this.moveTo(event.ctrlKey ? 0 : this.lineEnd(i, -1)),
      End: () => this.moveTo(event.ctrlKey ? last : this.lineEnd(i, 1)),
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
      c: () => this.fold(this.blocks[this.blockOf(i)].section),
      "/": () => this.search.focus(),
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
    this.reveal(to, centre);
    this.setHover(-1);
    this.setCursor(to);
  }

  /** The token above or below: on the next line that has one, the nearest to the same column. */
  lineFrom(i, way) {
    this.reveal(i);
    const here = this.element(i).getBoundingClientRect();
    const column = (here.left + here.right) / 2;
    let best = -1;
    let line = null;
    let distance = Infinity;
    for (let k = i + way; k >= 0 && k < this.sample.length; k += way) {
      const block = this.blocks[this.blockOf(k)];
      if (this.folded.has(block.section)) {
        k = way > 0 ? block.stop - 1 : block.start;
        continue;
      }
      this.draw(block);
      const box = this.element(k).getClientRects()[0];
      if (!box || Math.abs(box.top - here.top) < here.height * 0.6) continue;
      line ??= box;
      if (Math.abs(box.top - line.top) > line.height * 0.6) break;
      const away = Math.max(box.left - column, column - box.right, 0);
      if (away < distance) [best, distance] = [k, away];
    }
    return best < 0 ? i : best;
  }

  lineEnd(i, way) {
    this.reveal(i);
    const { top, height } = this.element(i).getBoundingClientRect();
    let end = i;
    for (let k = i + way; k >= 0 && k < this.sample.length; k += way) {
      const box = this.element(k)?.getClientRects()[0];
      if (!box || Math.abs(box.top - top) > height * 0.6) break;
      end = k;
    }
    return end;
  }

  page(way) {
    this.flow.scrollTop += way * this.flow.clientHeight * 0.85;
    this.moveTo(way > 0 ? Math.max(this.cursor, this.tokenAt(this.flow.getBoundingClientRect().bottom - 60)) : Math.min(this.cursor, this.topToken()));
  }

  /** @param {"trained" | "message" | "problem"} what */
  jump(what, way) {
    const { sample } = this;
    const from = this.cursor >= 0 ? this.cursor : this.topToken() - 1;
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

  fold(k) {
    const open = this.folded.has(k);
    if (open) this.folded.delete(k);
    else this.folded.add(k);
    this.sections[k].classList.toggle("is-folded", !open);
    this.rail(k)?.setAttribute("aria-expanded", String(open));
    this.later("showWindow", "drawArrow");
  }

  setToggle(name, toggle) {
    this.toggles[name] = !this.toggles[name];
    toggle.setAttribute("aria-pressed", String(this.toggles[name]));
    if (name === "shift") {
      this.redress();
      this.refreshCounts();
      this.drawMinimap();
    } else {
      this.holding(() => {
        this.root.classList.toggle("with-ids", this.toggles.ids);
        this.root.classList.toggle("with-whitespace", this.toggles.whitespace);
        this.redraw();
      });
    }
    this.refresh();
  }

  setFilter(group, value) {
    if (this.filter[group] === value) delete this.filter[group];
    else this.filter[group] = value;
    this.root.classList.toggle("filtered", Object.keys(this.filter).length > 0);
    this.legend.show(this.sample, this.toggles.shift, this.filter);
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
    if (!this.query) this.found.textContent = "";
    else if (!n) this.found.textContent = texts.no_match;
    else this.found.textContent = fill(this.match < 0 ? texts.matches : texts.match, { i: this.match + 1, n });
  }

  onSearchKey(event) {
    const n = this.matches.starts.length;
    if (event.key === "Escape") {
      this.search.value = "";
      this.find("");
      this.flow.focus();
    } else if (event.key === "Enter" && n) {
      event.preventDefault();
      if (this.match < 0) this.match = event.shiftKey ? n - 1 : Math.max(0, this.matches.starts.findIndex((start) => start >= this.topToken()));
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
    const before = this.cursor;
    this.cursor = i;
    this.dressToken(before);
    this.dressToken(i);
    this.element(before)?.removeAttribute("id");
    const at = this.element(i);
    if (at) {
      at.id = `token-${i}`;
      this.flow.setAttribute("aria-activedescendant", at.id);
    }
    // After the text, Tab leads to the rail of the message that the cursor is in, not to five hundred of them.
    const section = i < 0 ? -1 : this.blocks[this.blockOf(i)].section;
    if (this.railAt !== section) {
      const rails = [this.rail(this.railAt), this.rail(section)];
      if (rails[0]) rails[0].tabIndex = -1;
      if (rails[1]) rails[1].tabIndex = 0;
      this.railAt = section;
    }
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
    return [this.hover, this.cursor, this.pin].find((i) => i >= 0) ?? -1;
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
      const { sample, cursor: i } = this;
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
    if (data && sameBytes(data, this.blob)) {
      this.later("drawMinimap"); // the theme may have changed
      return;
    }
    if (data) this.load(data);
  }

  /** Another sample. What the reader has set stays; the pin and the place stay if the same tokens are still there. */
  load(blob) {
    const before = this.sample;
    const sample = readSample(blob);
    const scroll = this.flow.scrollTop;
    const stays = (i) => i >= 0 && i < sample.length && sample.ids[i] === before?.ids[i] && sample.offsets[i] === before?.offsets[i];
    const same = before?.length === sample.length;
    this.blob = blob;
    this.sample = sample;
    this.cursor = stays(this.cursor) ? this.cursor : -1;
    this.hover = -1;
    this.railAt = -1;
    if (before?.sections.length !== sample.sections.length) this.folded.clear();
    const { texts } = sample.header;
    this.root.dataset.tokens = sample.length;
    this.root.lang = sample.header.language;
    this.flow.setAttribute("aria-label", texts.title);
    this.painter = new Painter(sample, this.toggles);
    this.buildToolbar();
    this.buildSections();
    this.refreshCounts();
    this.flow.scrollTop = same ? scroll : 0;
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
    this.observer.disconnect();
    this.resize.disconnect();
    this.root.remove();
  }
}

function sameBytes(a, b) {
  if (a === b) return true;
  if (!b || a.length !== b.length) return false;
  for (let p = 0; p < a.length; p++) if (a[p] !== b[p]) return false;
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
export default function tokenView({ data, parentElement, setStateValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new View(parentElement)));
  view.update(data, setStateValue);
  return () => {
    view.destroy();
    views.delete(parentElement);
  };
}
