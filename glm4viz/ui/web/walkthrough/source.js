// The source, with the lines of the step.

const WORDS = "def|for|in|if|elif|else|return|lambda|not|and|or|is|None|True|False|raise|with|try|except|from|import|continue|match|case";
const PYTHON = new RegExp(`("""[^]*?(?:"""|$)|f?"(?:\\\\.|[^"\\\\])*"|f?'(?:\\\\.|[^'\\\\])*')|(#.*)|\\b(${WORDS})\\b`, "g");

function codeLine(text) {
  const made = element("code");
  const indent = text.length - text.trimStart().length;
  made.style.paddingLeft = `${indent + 4}ch`; // a wrapped line goes on further in than it began
  made.style.textIndent = `-${indent + 4}ch`;
  let from = 0;
  for (const found of text.matchAll(PYTHON)) {
    made.append(text.slice(from, found.index), element("span", found[1] ? "string" : found[2] ? "comment" : "keyword", found[0]));
    from = found.index + found[0].length;
  }
  made.append(text.slice(from));
  return made;
}

function sourceBoard(data) {
  const parts = data.listings.map((listing) => {
    const lines = element("ol", "code");
    listing.lines.forEach((text, k) => {
      if (k && listing.numbers[k] !== listing.numbers[k - 1] + 1) lines.append(element("li", "gap", "⋯"));
      const lit = listing.lit.includes(k);
      const line = element("li", lit ? "lit" : "", element("span", "number", String(listing.numbers[k])), element("span", "arrow", lit ? "▶" : ""), codeLine(text));
      if (lit) line.append(hidden(` (${data.lit})`));
      lines.append(line);
    });
    lines.tabIndex = 0;
    lines.setAttribute("aria-label", listing.title);
    return element("section", "listing", element("div", "file", listing.title), lines);
  });
  return [parts, null];
}
