/** What there is to know about one token. Its place and size are fixed, so that nothing moves while the mouse does. */
class Panel {
  /** @param {{go: (token: number) => void, unpin: () => void}} on */
  constructor(on) {
    this.on = on;
    this.element = element("aside", "panel");
    this.element.dataset.testid = "explain";
    this.element.tabIndex = 0; // it scrolls
  }

  hint(texts) {
    this.element.setAttribute("aria-label", texts.explain);
    this.element.replaceChildren(element("p", "hint", texts.hint), element("p", "keys", texts.keys));
  }

  show(sample, i, pinned) {
    const { texts } = sample.header;
    const head = element("div", "panel-head");
    head.append(this.face(sample, i));
    const state = sample.trained[i] ? "trained" : "masked";
    head.append(element("span", `verdict ${state}`, texts[state]));
    if (pinned) head.append(button("unpin", texts.unpin, "", this.on.unpin));
    const list = element("dl");
    for (const [name, ...what] of this.rows(sample, i)) {
      const value = element("dd");
      value.append(...what);
      list.append(element("dt", "", name), value);
    }
    this.element.replaceChildren(head, ...this.problems(sample, i), list, element("p", "keys", texts.keys));
    this.element.dataset.token = i;
  }

  /** The token large, as describe() says it, with the whole character when it holds only a piece. */
  face(sample, i) {
    return element("bdi", `face ${isNamed(sample, i) ? "special" : ""}`, shorten(describe(sample, i), 120));
  }

  problems(sample, i) {
    return (sample.problems.get(i) ?? []).map((problem) => {
      const made = element("p", `problem-text ${problem.severity}`);
      made.append(element("strong", "", `${sample.header.texts.problem}: `), problem.text);
      return made;
    });
  }

  /** @returns {Array<[string, ...(string | Node)[]]>} */
  rows(sample, i) {
    const { header } = sample;
    const { texts } = header;
    const message = sample.messages[i];
    const owner = sample.owners[i];
    const rows = [[texts.why, header.reason_texts[sample.reasons[i]] ?? ""]];
    rows.push([texts.predicted_by, ...(i > 0 ? this.link(sample, i - 1) : [texts.first])]);
    rows.push([texts.label, ...this.label(sample, i)]);
    if (sample.weights && sample.trained[i]) rows.push([texts.weight, code(Number(sample.weights[i].toPrecision(4)))]);
    rows.push([texts.target, ...this.target(sample, i)]);
    rows.push([texts.owner, owner < 0 ? texts.no_owner : this.message(sample, owner)]);
    rows.push([texts.role, message < 0 ? roleText(sample, -1) : this.message(sample, message)]);
    rows.push([texts.part, header.part_texts[sample.parts[i]] ?? ""]);
    rows.push([texts.position, String(i)]);
    rows.push([texts.id, code(sample.ids[i])]);
    rows.push([texts.bytes, code(hex(bytesOf(sample, i).subarray(0, 64))), ...this.character(sample, i)]);
    rows.unshift(...this.prediction(sample, i));
    if (sample.values && !Number.isNaN(sample.values[i])) rows.unshift([header.value_label, code(sample.values[i].toPrecision(4))]);
    return rows;
  }

  /** What the model thought before the token came, as far as it is known: a model on a server leaves things out. */
  prediction(sample, i) {
    if (!sample.ranks) return [];
    const { texts, likely_texts } = sample.header;
    const k = sample.topIds.length / sample.length;
    const likely = element("ol", "likely");
    for (let n = i * k; n < (i + 1) * k; n++) {
      if (Number.isNaN(sample.topLogprobs[n])) continue;
      const id = sample.topIds[n];
      const line = element("li", id === sample.ids[i] ? "came" : "");
      line.append(code(id < 0 ? "?" : visible(likely_texts[id] ?? `#${id}`)), ` ${(100 * Math.exp(sample.topLogprobs[n])).toFixed(1)} %`);
      likely.append(line);
    }
    const rows = [];
    if (sample.ranks[i] >= 0) rows.push([texts.rank, String(sample.ranks[i] + 1)]);
    if (!Number.isNaN(sample.entropies[i])) rows.push([texts.entropy, sample.entropies[i].toFixed(2)]);
    if (likely.childElementCount) rows.push([texts.likeliest, likely]);
    return rows;
  }

  /** Which whole character a piece belongs to. */
  character(sample, i) {
    const [from, to] = wholeCharacters(sample, i);
    if (from === sample.offsets[i] && to === sample.offsets[i + 1]) return [];
    if (!isText(sample.text, from, to)) return [];
    return [` ${fill(sample.header.texts.part_of, { character: visible(decoder.decode(sample.text.subarray(from, to))) })}`];
  }

  label(sample, i) {
    const label = labelAt(sample, i);
    if (label === null) return [sample.header.texts.ignored];
    const parts = [code(label), " ", this.named(sample, i, label)];
    if (label !== sample.ids[i]) parts.push(" ", element("strong", "differs", sample.header.texts.differs));
    return parts;
  }

  target(sample, i) {
    if (i + 1 >= sample.length) return [sample.header.texts.target_none];
    const target = labelAt(sample, i + 1);
    if (target === null) return [sample.header.texts.ignored];
    if (target === sample.ids[i + 1]) return [code(target), " ", ...this.link(sample, i + 1)];
    return [...this.label(sample, i + 1), " ", ...this.link(sample, i + 1)];
  }

  /** A label's text: known where it is the input's own or a special one. */
  named(sample, i, label) {
    if (label === sample.ids[i]) return element("bdi", "quote", shorten(describe(sample, i), 24));
    return element("bdi", "quote", sample.header.names[label] ?? "");
  }

  link(sample, i) {
    const made = button("link", "", "", () => this.on.go(i));
    made.append(element("bdi", "quote", shorten(describe(sample, i), 24)), ` ${i}`);
    return [made];
  }

  message(sample, message) {
    return `${roleText(sample, message)} · ${fill(sample.header.texts.message, { n: message })}`;
  }
}

function code(value) {
  return element("code", "", String(value));
}

function shorten(string, length) {
  const characters = Array.from(string);
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : string;
}
