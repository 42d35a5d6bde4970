// What every component begins with: elements, texts, colours of roles, bytes from Python, and the life of a view on the page. A component's script is this
// file and its own, one after the other. Text becomes text nodes only, never markup.

// Elements ----------------------------------------------------------------------------------------------------------------------------------------

/** An element with these children; strings become text, null and undefined nothing. */
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

function button(className, label, title, onClick) {
  const made = element("button", className, label);
  made.type = "button";
  if (title) made.title = title;
  made.addEventListener("click", onClick);
  return made;
}

/** Text for screen readers alone. */
function hidden(text) {
  return element("span", "hidden", text);
}

/** Tells what comes near the visible part of an element that scrolls, and what goes: only that much is drawn. Near is 800 pixels. */
function watching(scroller, onEntries) {
  return new IntersectionObserver(onEntries, { root: scroller, rootMargin: "800px 0px" });
}

// Texts -------------------------------------------------------------------------------------------------------------------------------------------

/** Fills the {placeholders} of a text. */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Counts go over a hundred thousand: with separators, which Chinese and English share. */
function thousands(n) {
  return n.toLocaleString("en-US");
}

// What leaves no trace on a page or turns the direction of others: controls, format characters, odd separators, lone marks of variation.
const INVISIBLE = /[\p{Cc}\p{Cf}\u00a0\u00ad\u034f\u115f\u1160\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u3164\ufe00-\ufe0f\uffa0]/u;
const INVISIBLES = new RegExp(INVISIBLE.source, "gu");

function escapeCharacter(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** The text with signs for what can't be seen: for all spaces and all invisible characters, or for those that the patterns find. */
function visible(text, spaces = / /g, invisibles = INVISIBLES) {
  return text
    .replace(spaces, (found) => "·".repeat(found.length))
    .replace(invisibles, (c) => (c === "\n" ? "↵" : c === "\t" ? "→" : escapeCharacter(c)));
}

// Colours -----------------------------------------------------------------------------------------------------------------------------------------

/** The CSS variable with a role's colour; "" or "none" is outside of messages, and roles that have no colour of their own share one. */
function roleVariable(role) {
  const known = ["none", "system", "user", "assistant", "observation", "tool"];
  return `--role-${role === "" ? "none" : known.includes(role) ? role : "other"}`;
}

function roleColour(role) {
  return `var(${roleVariable(role)})`;
}

/** Streamlit tells the theme's colours but not whether it is dark: so the element takes that from the ground. */
function setTheme(root) {
  const context = element("canvas").getContext("2d");
  context.fillStyle = getComputedStyle(root).getPropertyValue("--st-background-color").trim() || "#fff";
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  root.classList.toggle("dark", 0.299 * r + 0.587 * g + 0.114 * b < 128);
}

// Bytes from Python -------------------------------------------------------------------------------------------------------------------------------

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

/** The header and the arrays of a blob that wire.py's `pack` wrote. @param {Uint8Array} blob @returns {{header: Object, arrays: Object}} */
function unpack(blob) {
  // A copy of the blob when it doesn't start on a multiple of four, which typed arrays insist on.
  const aligned = blob.byteOffset % 4 === 0 ? blob : blob.slice();
  const length = new DataView(aligned.buffer, aligned.byteOffset).getUint32(0, true);
  const header = JSON.parse(decoder.decode(aligned.subarray(4, 4 + length)));
  const base = aligned.byteOffset + 4 + Math.ceil(length / 4) * 4;
  const arrays = {};
  for (const [name, [dtype, offset, count]] of Object.entries(header.arrays)) arrays[name] = new ARRAYS[dtype](aligned.buffer, base + offset, count);
  return { header, arrays };
}

/** Whether two blobs are the same, but for some bytes at the end. */
function sameBytes(a, b, butLast = 0) {
  if (a === b) return true;
  if (a.length !== b?.length) return false;
  for (let p = 0; p < a.length - butLast; p++) if (a[p] !== b[p]) return false;
  return true;
}

// Life on the page --------------------------------------------------------------------------------------------------------------------------------

/** The root of a component in its place on the page, made on the first call, in the page's theme. */
function rootIn(parent, className) {
  let root = parent.querySelector(`.${className}`);
  if (!root) parent.append((root = element("div", `glm4viz ${className}`)));
  setTheme(root);
  return root;
}

/**
 * What Streamlit calls on mounting and again whenever the data or the theme changes: one view for each place on the page, until that goes.
 * @param {(args: Object) => {update: (args: Object) => void, destroy: () => void}} makeView
 */
function mounting(makeView) {
  const views = new WeakMap();
  return (args) => {
    const { parentElement: parent } = args;
    if (!views.has(parent)) views.set(parent, makeView(args));
    const view = views.get(parent);
    view.update(args);
    return () => {
      view.destroy();
      views.delete(parent);
    };
  };
}
