// Painting: tokens into elements. A token is drawn as one or more pieces: it is split after a line break, and where it holds only some of a character's
// bytes. The first piece is the token's own element (class `tok`, `data-i`); further ones are class `piece` with `data-of`. Text becomes text nodes only.

const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b]/;
const LTR_LETTER = /(?![\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc])\p{L}/u;
const ONLY_INVISIBLE = new RegExp(`^(?:${INVISIBLE.source})+$`, "u");
const SPACES_AND_INVISIBLES = new RegExp(` +|${INVISIBLE.source}`, "gu");

/** Draws the tokens [start, stop) of a sample. Nothing of it is kept: a fragment that was emptied is drawn anew. */
class Painter {
  /**
   * @param {Sample} sample
   * @param {{ids: boolean, whitespace: boolean}} options
   * @param {Runs} runs
   */
  constructor(sample, options, runs) {
    this.sample = sample;
    this.options = options;
    this.runs = runs;
  }

  /** @returns {DocumentFragment} */
  paint(start, stop) {
    const { sample } = this;
    const fragment = document.createDocumentFragment();
    this.begun = start - 1; // the last token that has its first piece
    let run; // the thought or call that the tokens stand in
    const enter = (i) => {
      run = this.runs.at(i);
      const [bracket, inside] = run ? this.runs.draw(run, i) : [null, fragment];
      if (bracket) fragment.append(bracket);
      this.base = inside;
      this.host = inside; // where pieces go: the base, or a right-to-left run in it
    };
    enter(start);
    for (let i = start; i < stop; ) {
      if (this.runs.at(i) !== run) enter(i);
      if (isNamed(sample, i)) {
        this.name(i++);
        continue;
      }
      let end = i + 1;
      while (end < stop && !isNamed(sample, end) && this.runs.at(end) === run) end++;
      this.ordinary(i, end);
      i = end;
    }
    return fragment;
  }

  name(i) {
    this.leaveRtl();
    const piece = this.piece(i, "special");
    piece.append(this.sample.header.names[this.sample.ids[i]]);
    this.host.append(piece);
  }

  /** A run of tokens without special ones: their bytes are read as one UTF-8 text. */
  ordinary(start, stop) {
    const { text, offsets } = this.sample;
    const limit = offsets[stop];
    for (let i = start; i < stop; i++) {
      let p = Math.max(offsets[i], this.done ?? 0);
      if (offsets[i] === offsets[i + 1]) this.host.append(this.piece(i, "empty"));
      while (p < offsets[i + 1]) {
        let q = p;
        for (let n; q < offsets[i + 1] && (n = characterLength(text, q, offsets[i + 1])); ) q += n;
        if (q > p) this.text(i, decoder.decode(text.subarray(p, q)));
        if (q < offsets[i + 1]) {
          const n = characterLength(text, q, limit);
          if (n) this.shared(i, q, q + n);
          else this.invalid(i, q, ++q);
          if (n) q += n;
        }
        p = q;
      }
      this.done = p;
    }
    this.done = 0;
  }

  /** Whole characters of one token. Line breaks stand between pieces, so that a piece never holds one and may become a box with an id below it. */
  text(i, string) {
    for (const line of string.split(/(?<=\n)/)) {
      const breaks = line.endsWith("\n");
      const words = breaks ? line.slice(0, -1) : line;
      this.direct(breaks && !words ? "\n" : words);
      const piece = this.piece(i, ONLY_INVISIBLE.test(words) && !this.options.whitespace && !/^[\t\u3000]+$/.test(words) ? "thin" : "");
      this.write(piece, words, this.options.whitespace);
      if (breaks) piece.append(mark("nl", "↵"));
      this.host.append(piece);
      if (breaks) {
        this.leaveRtl();
        this.host.append("\n");
      }
    }
  }

  /** A character whose bytes [from, to) belong to several tokens: the character once, and below it one chip a token. */
  shared(i, from, to) {
    const { text, offsets } = this.sample;
    const character = decoder.decode(text.subarray(from, to));
    this.direct(character);
    const glyph = element("span", "glyph");
    this.write(glyph, character, true);
    const chips = element("span", "chips");
    for (let token = i; offsets[token] < to; token++) {
      const chip = this.piece(token, "byte");
      chip.append(hex(text.subarray(Math.max(from, offsets[token]), Math.min(to, offsets[token + 1]))));
      chips.append(chip);
    }
    const cluster = element("span", "cluster");
    cluster.append(glyph, chips);
    this.host.append(cluster);
  }

  /** A byte that belongs to no character; those of one token share a chip. */
  invalid(i, from, to) {
    const last = this.host.lastChild;
    const bytes = hex(this.sample.text.subarray(from, to));
    if (last?.classList?.contains("bad") && tokenOf(last) === i) {
      last.firstChild.data += ` ${bytes}`;
      return;
    }
    const piece = this.piece(i, "byte bad");
    piece.append(bytes);
    this.host.append(piece);
  }

  /** @returns {HTMLElement} the next piece of token i, still empty */
  piece(i, kind) {
    const first = i > this.begun;
    const piece = element("span", `${first ? "tok" : "piece"} ${kind}`);
    piece.dataset[first ? "i" : "of"] = i;
    if (first && this.options.ids) piece.dataset.id = this.sample.ids[i];
    if (first) this.begun = i;
    return piece;
  }

  /** Puts a string into an element; with `escapes`, spaces get a dot, tabs an arrow and invisible characters their number. */
  write(parent, string, escapes) {
    if (!escapes) {
      parent.append(string);
      return;
    }
    let from = 0;
    for (const found of string.matchAll(SPACES_AND_INVISIBLES)) {
      if (found.index > from) parent.append(string.slice(from, found.index));
      const [what] = found;
      if (what[0] === " ") parent.append(spaces(what));
      else if (what === "\t") parent.append(mark("tab", "→"), "\t");
      else parent.append(mark("escape", escapeCharacter(what)));
      from = found.index + what.length;
    }
    if (from < string.length) parent.append(string.slice(from));
  }

  /**
   * Right-to-left text stands in an element of its own with its own direction: its words read as they should, and the tokens around stay in order. The
   * run goes on over spaces and signs, up to a letter of the other direction or the end of the line.
   */
  direct(string) {
    const rtl = RTL.test(string);
    if (this.host === this.base && rtl) {
      this.host = element("bdi", "rtl");
      this.host.dir = "rtl";
      this.base.append(this.host);
    } else if (this.host !== this.base && !rtl && LTR_LETTER.test(string)) {
      this.leaveRtl();
    }
  }

  leaveRtl() {
    this.host = this.base;
  }
}

/** @returns {number} the token that an element, or the element around it, draws; -1 for none */
function tokenOf(node) {
  const piece = node?.closest?.("[data-i],[data-of]");
  return piece ? Number(piece.dataset.i ?? piece.dataset.of) : -1;
}

/** A sign that stands for something invisible. It is generated content: copying the text doesn't copy it. */
function mark(kind, sign) {
  const made = element("span", `mark ${kind}`);
  made.dataset.sign = sign;
  return made;
}

/** Real spaces with dots painted behind them, so that lines wrap and copy as they would without. */
function spaces(string) {
  const made = element("span", "spaces", string);
  made.style.setProperty("--n", string.length);
  return made;
}

/** A guess from the bytes at how high tokens [start, stop) will be: about half an em for an ASCII character, one for a character of three bytes. */
function guessHeight({ text, offsets }, { start, stop }, width, ids) {
  let lines = 1;
  let x = 0;
  for (let p = offsets[start]; p < offsets[stop]; p++) {
    if (text[p] === 10 || x > width) {
      lines++;
      x = 0;
    }
    x += text[p] < 0x80 ? 8.2 : 5.4;
  }
  return ids ? Math.max(lines, ((stop - start) * 44) / width) * 48 : lines * 32;
}
