// The items of a comparison: stretches of the contents and slots around them, each with what every recipe makes of it. No DOM here.

const ABSENT = 0;
const MASKED = 1;
const TRAINED = 2;
const DIFFERS = 3;
const SLOTS = ["prefix", "tools", "tag", "header", "think", "rewritten", "call", "separator", "end", "outside"];
const HEAD_SLOTS = ["prefix", "tools", "tag", "header"];

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
function itemsByMessage({ header, arrays }) {
  const R = header.ids.length;
  const found = new Map([[-1, []]]);
  for (let m = 0; m < header.roles.length; m++) found.set(m, []);
  const tails = new Map();
  for (let s = 0; s * 3 < arrays.slots.length; s++) {
    const [message, slot, differs] = arrays.slots.subarray(s * 3, s * 3 + 3);
    const cells = Array.from(arrays.cell_of.subarray(s * R, s * R + R), (k) => header.cells[k]);
    const states = cells.map((cell) => cell[0]);
    const item = { message, slot, states, cells, text: "", from: 0, to: 0, kind: kindOf(states), alike: !differs, size: 1 };
    const isHead = HEAD_SLOTS.includes(SLOTS[slot]);
    const list = isHead ? found.get(message) : tails.get(message) ?? tails.set(message, []).get(message);
    list.push(item);
  }
  const total = arrays.bases[arrays.bases.length - 1];
  for (let k = 0; k < arrays.starts.length; k++) {
    const message = arrays.messages[k];
    const from = arrays.starts[k];
    const to = Math.min(arrays.starts[k + 1] ?? total, arrays.bases[message + 1]);
    const states = Array.from(arrays.states.subarray(k * R, k * R + R));
    const text = textOf(arrays.text.subarray(from, to));
    const alike = states.every((state) => state === states[0]);
    const base = arrays.bases[message];
    found.get(message).push({ message, slot: -1, states, cells: null, text, from: from - base, to: to - base, kind: kindOf(states), alike, size: [...text].length });
  }
  for (const [message, list] of tails) found.get(message).push(...list);
  return found;
}

/** all, none, some (or only:r for two recipes), label_differs, missing. */
function kindOf(states) {
  if (states.includes(DIFFERS)) return "label_differs";
  if (states.includes(ABSENT)) return "missing";
  const n = states.filter((state) => state === TRAINED).length;
  if (n === states.length) return "all";
  if (!n) return "none";
  return states.length === 2 ? `only:${states.indexOf(TRAINED)}` : "some";
}

/** How many characters of text the items have together. */
function textSize(items) {
  return items.reduce((sum, item) => sum + (item.slot < 0 ? item.size : 0), 0);
}
