// The sample: reads the blob that wire.py writes and answers questions about tokens. No DOM here.

/**
 * @typedef {Object} Sample
 * @property {Object} header         texts, names and roles, as wire.py's `encode` writes them
 * @property {number} length         how many tokens, T
 * @property {Uint8Array} text       the bytes of all tokens
 * @property {Uint32Array} offsets   [T + 1] where each token's bytes start in `text`
 * @property {Int32Array} ids
 * @property {Uint8Array} trained    1 where the label is not -100
 * @property {Map<number, number>} otherLabels  position -> label, where that is neither -100 nor the input id
 * @property {Uint8Array} parts
 * @property {Uint8Array} reasons
 * @property {Int32Array} messages   -1 outside messages
 * @property {Int32Array} owners     -1 where the label teaches no message
 * @property {Float32Array | undefined} values
 * @property {Float32Array | undefined} weights  of the labels, where the system weighs
 * @property {Int32Array | undefined} ranks
 * @property {Float32Array | undefined} entropies
 * @property {Int32Array | undefined} topIds - the likeliest tokens of each position, one after the other
 * @property {Float32Array | undefined} topLogprobs
 * @property {Map<number, Object[]>} problems   token -> its problems
 * @property {(i: number) => boolean} isLit   whether the page speaks of this token
 * @property {Section[]} sections
 */

/**
 * A run of tokens of one message, or between messages.
 * @typedef {Object} Section
 * @property {number} start
 * @property {number} stop
 * @property {number} message  -1 outside messages
 * @property {Block[]} blocks
 */

/** @typedef {{start: number, stop: number}} Block  tokens that are drawn and emptied together */

const BLOCK = 512;

/** How many bytes at the end of a blob say which token to go to, and the number of that wish. */
const FOCUS = 8;

/** @param {Uint8Array} blob @returns {[number, number]} token and number of the wish; -1 for none */
function readFocus(blob) {
  const view = new DataView(blob.buffer, blob.byteOffset + blob.length - FOCUS, FOCUS);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** @param {Uint8Array} blob @returns {Sample} */
function readSample(blob) {
  const { header, arrays } = unpack(blob);
  const T = header.tokens;
  const { label_at: at, label_id: label } = arrays;
  const sample = {
    header,
    length: T,
    text: arrays.text,
    offsets: cumulative(arrays.sizes, T),
    ids: arrays.ids,
    trained: arrays.trained,
    otherLabels: new Map(Array.from(at, (position, k) => [position, label[k]])),
    parts: arrays.parts,
    reasons: arrays.reasons,
    messages: expand(arrays.messages_start, arrays.messages_value, T),
    owners: expand(arrays.owners_start, arrays.owners_value, T),
    values: arrays.values,
    weights: arrays.weights,
    ranks: arrays.ranks,
    entropies: arrays.entropies,
    topIds: arrays.top_ids,
    topLogprobs: arrays.top_logprobs,
    problems: groupProblems(header.problems, T),
    isLit: (i) => i >= header.lit[0] && i < header.lit[1],
    sections: [],
  };
  sample.sections = findSections(sample);
  return sample;
}

function cumulative(sizes, T) {
  const offsets = new Uint32Array(T + 1);
  for (let i = 0; i < T; i++) offsets[i + 1] = offsets[i] + sizes[i];
  return offsets;
}

function expand(starts, values, T) {
  const column = new Int32Array(T);
  for (let k = 0; k < starts.length; k++) column.fill(values[k], starts[k], k + 1 < starts.length ? starts[k + 1] : T);
  return column;
}

function groupProblems(problems, T) {
  const byToken = new Map();
  for (const problem of problems) {
    if (!(problem.token >= 0 && problem.token < T)) continue;
    if (!byToken.has(problem.token)) byToken.set(problem.token, []);
    byToken.get(problem.token).push(problem);
  }
  return byToken;
}

/** @returns {Section[]} */
function findSections(sample) {
  const sections = [];
  for (let start = 0, i = 1; i <= sample.length; i++) {
    if (i < sample.length && sample.messages[i] === sample.messages[start]) continue;
    sections.push({ start, stop: i, message: sample.messages[start], blocks: findBlocks(sample, start, i) });
    start = i;
  }
  return sections;
}

/** Blocks of about BLOCK tokens, ending with a line where one ends nearby, and never inside a character. */
function findBlocks(sample, start, stop) {
  const blocks = [];
  while (start < stop) {
    let end = Math.min(start + BLOCK, stop);
    if (stop - end < BLOCK / 4) end = stop; // no crumbs
    if (end < stop) {
      let line = end;
      while (line > start + BLOCK / 2 && sample.text[sample.offsets[line] - 1] !== 10) line--;
      if (line > start + BLOCK / 2) end = line;
      // A character has at most three continuation bytes; a longer row of them isn't text and may be cut.
      else for (let tries = 0; tries < 8 && end < stop && (sample.text[sample.offsets[end]] & 0xc0) === 0x80; tries++) end++;
    }
    blocks.push({ start, stop: end });
    start = end;
  }
  return blocks;
}

/** How many bytes the UTF-8 character at `p` has; 0 when the bytes there are not one. */
function characterLength(text, p, limit) {
  const a = text[p];
  if (a < 0x80) return 1;
  const n = a >= 0xc2 && a < 0xe0 ? 2 : a >= 0xe0 && a < 0xf0 ? 3 : a >= 0xf0 && a < 0xf5 ? 4 : 0;
  if (!n || p + n > limit) return 0;
  for (let k = 1; k < n; k++) if ((text[p + k] & 0xc0) !== 0x80) return 0;
  const b = text[p + 1];
  // Overlong forms, surrogates and what lies past U+10FFFF are not characters.
  const bad = (a === 0xe0 && b < 0xa0) || (a === 0xed && b > 0x9f) || (a === 0xf0 && b < 0x90) || (a === 0xf4 && b > 0x8f);
  return bad ? 0 : n;
}

/** Special ids and ids past the vocabulary are drawn by name; their bytes never join with a neighbour's. */
function isNamed(sample, i) {
  return sample.ids[i] in sample.header.names;
}

/** @returns {number | null} the label at the token's own position, null where it carries no loss */
function labelAt(sample, i) {
  if (i < 0 || i >= sample.length || !sample.trained[i]) return null;
  return sample.otherLabels.get(i) ?? sample.ids[i];
}

/** Whether position i is marked: as stored by its own label, as trained (shifted) by the label that it predicts. */
function isMarked(sample, i, shifted) {
  return shifted ? i + 1 < sample.length && sample.trained[i + 1] === 1 : sample.trained[i] === 1;
}

/**
 * Where the next of something starts, or with way -1 the one before. Once around, so that the last leads to the first; -1 where there is none.
 * @param {"trained" | "message" | "problem"} what
 */
function nextStart(sample, what, from, way, shifted) {
  const starts = {
    trained: (i) => isMarked(sample, i, shifted) && !(i > 0 && isMarked(sample, i - 1, shifted)),
    message: (i) => i === 0 || sample.messages[i] !== sample.messages[i - 1],
    problem: (i) => sample.problems.has(i),
  };
  for (let step = 1; step <= sample.length; step++) {
    const i = (((from + way * step) % sample.length) + sample.length) % sample.length;
    if (starts[what](i)) return i;
  }
  return -1;
}

function bytesOf(sample, i) {
  return sample.text.subarray(sample.offsets[i], sample.offsets[i + 1]);
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");
}

/** Where the characters that the token's bytes belong to start and end; a token may hold only a piece of one. */
function wholeCharacters(sample, i) {
  const { text, offsets, length } = sample;
  let from = offsets[i];
  let to = offsets[i + 1];
  if (isNamed(sample, i) || from === to) return [from, to];
  for (let back = 1; back <= 3 && from - back >= 0; back++) {
    const n = characterLength(text, offsets[i] - back, offsets[length]);
    if (n > back) from = offsets[i] - back;
    if (n) break;
  }
  for (let p = from; p < to; ) {
    const n = characterLength(text, p, offsets[length]) || 1;
    if (p + n > to) to = p + n;
    p += n;
  }
  return [from, to];
}

/**
 * The token in words, for the panel and for screen readers: its text with the invisible made visible, or, when it holds only a piece of a character,
 * its bytes.
 */
function describe(sample, i) {
  if (isNamed(sample, i)) return sample.header.names[sample.ids[i]];
  const [from, to] = wholeCharacters(sample, i);
  if (from === sample.offsets[i] && to === sample.offsets[i + 1] && isText(sample.text, from, to)) {
    return visible(decoder.decode(sample.text.subarray(from, to)));
  }
  return hex(bytesOf(sample, i));
}

function isText(text, from, to) {
  for (let p = from; p < to; ) {
    const n = characterLength(text, p, to);
    if (!n) return false;
    p += n;
  }
  return true;
}

/** The role of a message; "" for what is outside of messages. */
function roleOf(sample, message) {
  return message < 0 ? "" : sample.header.roles[message];
}

function roleText(sample, message) {
  const { roles, role_texts: texts, texts: own } = sample.header;
  return message < 0 ? texts[""] ?? own.outside : texts[roles[message]] ?? roles[message] ?? "";
}

/** How strong the background of a value is, 0 to 1. The root spreads the small values, where most tokens are. */
function strength(value, top) {
  return Math.sqrt(Math.min(1, Math.max(0, value / top)));
}
