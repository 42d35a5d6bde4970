// Searching: which tokens a query finds, and at which match the reader is.

class Search {
  constructor() {
    this.run(null, "");
  }

  /** @param {Sample | null} sample  may be null where nothing is asked for */
  run(sample, query) {
    this.query = query;
    this.matches = query ? findMatches(sample, query) : { starts: [], stops: [] };
    this.at = -1;
    this.matched = this.count ? new Uint8Array(sample.length) : null;
    this.matches.starts.forEach((start, k) => this.matched.fill(1, start, this.matches.stops[k]));
  }

  get count() {
    return this.matches.starts.length;
  }

  /** Whether a token is part of a match. */
  has(i) {
    return this.matched?.[i] === 1;
  }

  /** Whether it is part of the match that the reader is at. */
  isNow(i) {
    return this.at >= 0 && i >= this.matches.starts[this.at] && i < this.matches.stops[this.at];
  }

  /** On to the next match, or back; at first to one that begins at token `from` or later. @returns {number} its first token */
  step(back, from) {
    if (this.at >= 0) this.at = (this.at + (back ? this.count - 1 : 1)) % this.count;
    else this.at = back ? this.count - 1 : Math.max(0, this.matches.starts.findIndex((start) => start >= from));
    return this.matches.starts[this.at];
  }

  /** How many were found, in words. */
  words(texts) {
    if (!this.query) return "";
    if (!this.count) return texts.no_match;
    return fill(this.at < 0 ? texts.matches : texts.match, { i: thousands(this.at + 1), n: thousands(this.count) });
  }
}

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
