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
 * @property {Int32Array | undefined} ranks
 * @property {Float32Array | undefined} entropies
 * @property {Int32Array | undefined} topIds - the likeliest tokens of each position, one after the other
 * @property {Float32Array | undefined} topLogprobs
 * @property {Map<number, Object[]>} problems   token -> its problems
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
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many bytes at the end of a blob say which token to go to, and the number of that wish. */
const FOCUS = 8;

/** @param {Uint8Array} blob @returns {[number, number]} token and number of the wish; -1 for none */
function readFocus(blob) {
  const view = new DataView(blob.buffer, blob.byteOffset + blob.length - FOCUS, FOCUS);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** @param {Uint8Array} blob @returns {Sample} */
function readSample(blob) {
  // A copy of the blob when it doesn't start on a multiple of four, which typed arrays insist on.
  const aligned = blob.byteOffset % 4 === 0 ? blob : blob.slice();
  const headerLength = new DataView(aligned.buffer, aligned.byteOffset).getUint32(0, true);
  const header = JSON.parse(decoder.decode(aligned.subarray(4, 4 + headerLength)));
  const base = aligned.byteOffset + 4 + Math.ceil(headerLength / 4) * 4;
  const kinds = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };
  const array = (name) => {
    const entry = header.arrays[name];
    return entry && new kinds[entry[0]](aligned.buffer, base + entry[1], entry[2]);
  };
  const T = header.tokens;
  const at = array("label_at");
  const label = array("label_id");
  const sample = {
    header,
    length: T,
    text: array("text"),
    offsets: cumulative(array("sizes"), T),
    ids: array("ids"),
    trained: array("trained"),
    otherLabels: new Map(Array.from(at, (position, k) => [position, label[k]])),
    parts: array("parts"),
    reasons: array("reasons"),
    messages: expand(array("messages_start"), array("messages_value"), T),
    owners: expand(array("owners_start"), array("owners_value"), T),
    values: array("values"),
    ranks: array("ranks"),
    entropies: array("entropies"),
    topIds: array("top_ids"),
    topLogprobs: array("top_logprobs"),
    problems: groupProblems(header.problems, T),
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

// What leaves no trace on a page or turns the direction of others: controls, format characters, odd separators, lone marks of variation.
const INVISIBLE = /[\p{Cc}\p{Cf}\u00a0\u00ad\u034f\u115f\u1160\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u3164\ufe00-\ufe0f\uffa0]/u;
const INVISIBLES = new RegExp(`${INVISIBLE.source}`, "gu");

function escapeCharacter(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

function visible(string) {
  return string
    .replace(/ /g, "·")
    .replace(INVISIBLES, (c) => (c === "\n" ? "↵" : c === "\t" ? "→" : escapeCharacter(c)));
}

// Searching --------------------------------------------------------------------------------------------------------------------------------------

/** Upper-case ASCII made lower-case, and the bytes as a string of one unit a byte, so that the engine's own fast search finds them. */
function searchable(bytes) {
  const folded = bytes.slice();
  for (let p = 0; p < folded.length; p++) if (folded[p] >= 65 && folded[p] <= 90) folded[p] += 32;
  return new TextDecoder("windows-1252").decode(folded);
}

/** @returns {{starts: number[], stops: number[]}} tokens of each match of the query: `#id`, the name of a special token, or text */
function findMatches(sample, query) {
  const starts = [];
  const stops = [];
  const wanted = /^#\d+$/.test(query) ? [Number(query.slice(1))] : idsNamed(sample, query);
  if (wanted.length) {
    for (let i = 0; i < sample.length; i++) {
      if (!wanted.includes(sample.ids[i])) continue;
      starts.push(i);
      stops.push(i + 1);
    }
    return { starts, stops };
  }
  sample.searchable ??= searchable(sample.text);
  const needle = searchable(new TextEncoder().encode(query));
  let token = 0;
  for (let p = sample.searchable.indexOf(needle); needle && p >= 0; p = sample.searchable.indexOf(needle, p + needle.length)) {
    while (sample.offsets[token + 1] <= p) token++;
    let stop = token + 1;
    while (sample.offsets[stop] < p + needle.length) stop++;
    starts.push(token);
    stops.push(stop);
  }
  return { starts, stops };
}

function idsNamed(sample, name) {
  return Object.entries(sample.header.names).filter(([, known]) => known === name).map(([id]) => Number(id));
}
