// The tables of a report: unpacked, made into DataTables, with filters above them and rows that open.
//
// A table comes as columns (conformance/report/embed.py); a row of DataTables is nothing but a place in them. HTML is
// made only of the rows that are on the page of a table, by textContent: what a candidate said is never markup.

const PAGE = 25; // rows of a table whose rows open; of the others
const SHORT = 10;
const PAUSE = 20; // milliseconds after a key before a filter is applied
const NARROW = matchMedia("(max-width: 700px)");
const settings = JSON.parse(document.getElementById("settings").textContent);
const made = new Map(); // tables by id

// --- unpacking -----------------------------------------------------------------------------------------------------

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

async function unpacked(id) {
  const stream = new Blob([bytes(document.getElementById(id).textContent)]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
}

const ARRAYS = { Uint8Array, Uint16Array, Uint32Array, Float32Array, Float64Array };

/** A column with `raw(place)`, for sorting, and `text(place)`, as it is read. */
function column(packed) {
  const values = new ARRAYS[packed.rows.type](bytes(packed.rows.bytes).buffer);
  const { name, kind, title, filter, narrow, words } = packed;
  if (words) {
    const text = (place) => words[values[place]];
    return { name, kind, title, filter, narrow, words, values, text, raw: text };
  }
  const write = { count: (x) => x.toLocaleString("en"), exact: String, number: digits }[kind];
  const raw = (place) => (Number.isNaN(values[place]) ? -Infinity : values[place]);
  const text = (place) => (Number.isNaN(values[place]) && kind !== "exact" ? "" : write(values[place]));
  return { name, kind, title, filter, narrow, values, raw, text };
}

/** Three digits, without an exponent where the number is of everyday size. */
function digits(x) {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  return Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5 ? String(Number(x.toPrecision(3))) : x.toExponential(2);
}

const PRECISIONS = { float32: [9, Math.fround], float16: [5, null], bfloat16: [4, null] };

/** A number of a dtype in the fewest digits that mean it. */
function shortest(x, dtype) {
  const [most, rounded] = PRECISIONS[dtype] ?? [17, null];
  if (!Number.isFinite(x) || most === 17) return String(x);
  for (let precision = 1; precision < most; precision++) {
    const found = Number(x.toPrecision(precision));
    if (rounded ? rounded(found) === x : found === x) return String(found);
  }
  return String(Number(x.toPrecision(most)));
}

// --- elements ------------------------------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") found.className = value;
    else found.setAttribute(name, value);
  }
  found.append(...children);
  return found;
}

const statusClass = (status) => ({ PASS: "pass", KNOWN: "known", UNSUPPORTED: "unsupported", skipped: "known" })[status] ?? "fail";

/** What stands in a cell. */
function cell(part, place) {
  const text = part.text(place);
  if (part.kind === "status" && text) return element("span", { class: `status ${statusClass(text)}` }, text);
  if (part.kind === "code") return element("code", {}, ...breakable(text));
  return document.createTextNode(text);
}

/** A long id, which may be broken after commas, dots and brackets. */
function breakable(text) {
  return text.split(/(?<=[,.(\[_=])/).flatMap((part, index) => (index ? [element("wbr"), part] : [part]));
}

// --- evidence ------------------------------------------------------------------------------------------------------

/** A word of the shell. */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

/** What is known about one comparison. */
function evidence(source, place) {
  const get = (name) => source.by.get(name).text(place);
  const number = (name) => source.by.get(name).values[place];
  const box = element("div", { class: "evidence" });
  const title = [compared(get("check"), get("tensor")), get("grade"), get("category")].filter(Boolean).join(" · ");
  box.append(element("p", { class: "what" }, title));
  box.append(element("p", {}, element("code", {}, ...breakable(get("case")))));
  if (get("message")) box.append(element("p", { class: "message" }, get("message")));
  if (get("cause")) box.append(element("p", { class: "cause" }, element("strong", {}, "Likely cause: "), get("cause")));
  if (get("index")) box.append(numbers(get, number));
  box.append(...settings.commands.map((text) => command(text.replace(/CASE$/, () => quoted(get("case"))))));
  return box;
}

/** As the command line says it: `output out`, `gradient of input 0`. */
function compared(check, tensor) {
  if (!tensor || !/(gradient|second-order)$/.test(check)) return [check, tensor].filter(Boolean).join(" ");
  return `${check} of ${/^\d+$/.test(tensor) ? "input " : ""}${tensor}`;
}

function numbers(get, number) {
  const list = element("dl", { class: "numbers" });
  const add = (name, value) => list.append(element("dt", {}, name), element("dd", {}, value));
  const dtype = get("dtype");
  add("worst element", get("index"));
  add("candidate", shortest(number("candidate"), dtype));
  add("torch", shortest(number("torch"), dtype));
  if (!Number.isNaN(number("oracle")) || get("z")) add("oracle", String(number("oracle")));
  const allowed = number("allowed");
  if (!Number.isNaN(allowed)) {
    add("allowed error", digits(allowed));
    add("error", error(number, get("status") === "PASS"));
  }
  if (get("z")) add("z", `${get("z")} (up to 8 passes)`);
  if (number("failing")) add("failing elements", `${get("failing")} of ${get("elements")}`);
  else if (number("elements")) add("elements", get("elements"));
  if (get("rms_z")) add("rms z", `${get("rms_z")}, torch's own ${get("torch_rms_z")}`);
  return list;
}

/** At float64 candidate and oracle may print alike: of what passes z says what is between them. */
function error(number, passed) {
  const size = passed ? (number("z") * number("allowed")) / 8 : Math.abs(number("candidate") - number("oracle"));
  const times = size / number("allowed");
  return times > 1 && Number.isFinite(times) ? `${digits(size)}: ${digits(times)} times what is allowed` : digits(size);
}

function command(text) {
  const button = element("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling); // no clipboard here: the reader copies it
    }
  });
  return element("p", { class: "command" }, element("code", {}, text), " ", button);
}

// --- tables --------------------------------------------------------------------------------------------------------

class Table {
  constructor(packed, host, DataTable) {
    this.packed = packed;
    this.columns = packed.columns.map(column);
    this.by = new Map(this.columns.map((part) => [part.name, part]));
    this.shown = this.columns.filter((part) => part.title && !(part.words && part.values.every((code) => part.words[code] === "")));
    this.controls = new Map();
    this.table = element("table", { class: "data", "aria-label": packed.unit ?? "rows" });
    const bar = this.bar();
    host.append(...(bar ? [bar] : []), this.table);
    this.data = new DataTable(this.table, this.options());
    this.fit();
    NARROW.addEventListener("change", () => this.fit());
    this.table.addEventListener("click", (event) => this.clicked(event));
  }

  options() {
    const rows = Array.from({ length: this.packed.length }, (_, place) => ({ place }));
    const descending = this.packed.order.startsWith("-");
    const first = this.shown.findIndex((part) => part.name === this.packed.order.replace(/^-/, ""));
    const length = this.packed.opens ? PAGE : SHORT;
    const few = rows.length <= length;
    const unit = this.packed.unit ?? "rows";
    return {
      data: rows,
      columns: [...(this.packed.opens ? [this.opener()] : []), ...this.shown.map((part) => this.describe(part))],
      order: first < 0 ? [] : [[first + (this.packed.opens ? 1 : 0), descending ? "desc" : "asc"]],
      deferRender: true,
      orderDescReverse: false, // rows that are alike stay in the order they came in
      autoWidth: false,
      pageLength: length,
      paging: !few,
      info: !few,
      layout: { topStart: null, topEnd: null, bottomStart: few ? null : "info", bottomEnd: few ? null : { paging: { buttons: 5 } } },
      language: {
        info: `_START_ to _END_ of _TOTAL_ ${unit}`,
        infoFiltered: "(of _MAX_)",
        infoEmpty: `no ${unit}`,
        emptyTable: "nothing",
        zeroRecords: "nothing matches",
      },
    };
  }

  describe(part) {
    const words = Boolean(part.words);
    return {
      title: part.title,
      name: part.name,
      className: words ? `word of-${part.kind} the-${part.name.replace(/\W+/g, "-")}` : "number",
      searchable: false, // see `apply`
      orderSequence: words ? ["asc", "desc"] : ["desc", "asc"],
      type: words ? "string" : "num",
      data: (row, type) => (type === "display" ? "" : words ? part.text(row.place) : part.raw(row.place)),
      createdCell: (td, _, row) => td.replaceChildren(this.content(part, row.place)),
    };
  }

  content(part, place) {
    const inside = cell(part, place);
    if (this.packed.leads?.column !== part.name) return inside;
    return element("button", { type: "button", class: "lead", "data-word": part.text(place) }, inside);
  }

  /** The column of buttons that open a row. */
  opener() {
    return {
      title: '<span class="hidden">evidence</span>',
      orderable: false,
      searchable: false,
      className: "opener",
      data: () => "",
      createdCell: (td, _, row) => {
        const label = `evidence of ${this.by.get("case").text(row.place)}`;
        td.replaceChildren(element("button", { type: "button", class: "open", "aria-expanded": "false", "aria-label": label }));
      },
    };
  }

  clicked(event) {
    const lead = event.target.closest(".lead");
    if (lead) {
      show(this.packed.leads.table, { [this.packed.leads.column]: lead.dataset.word });
      return;
    }
    const tr = event.target.closest("tbody > tr");
    const button = tr?.querySelector("button.open");
    if (button && (event.target === button || !getSelection().toString())) this.toggle(tr, button);
  }

  toggle(tr, button) {
    const row = this.data.row(tr);
    const open = !row.child.isShown();
    if (open) row.child(evidence(this, row.data().place), "child").show();
    else row.child.hide();
    button.setAttribute("aria-expanded", String(open));
  }

  // --- filters ---

  /** The search field and the filters; none for a small table that nothing leads to. */
  bar() {
    if (this.packed.length <= SHORT && !this.packed.opens) return null;
    const bar = element("div", { class: "bar", role: "search" });
    const search = element("input", { type: "search", placeholder: "search", "aria-label": `search ${this.packed.unit ?? "rows"}` });
    search.addEventListener("input", later(() => this.apply()));
    this.controls.set("", search);
    bar.append(search);
    for (const part of this.columns) {
      const control = part.filter === "choice" ? choice(part) : part.filter === "least" ? least(part) : null;
      if (!control) continue;
      this.controls.set(part.name, control.field);
      control.field.addEventListener(part.filter === "choice" ? "change" : "input", later(() => this.apply()));
      bar.append(control.whole);
    }
    return bar;
  }

  /** Show the rows that pass the search and all filters. */
  apply() {
    const tests = [...this.searches(), ...this.filters()];
    this.data.search.fixed("filters", tests.length ? (_, row) => tests.every((test) => test(row.place)) : null).draw();
  }

  /** Every word that is searched has to be in some column. The different words of a column are looked at once. */
  *searches() {
    const wanted = (this.controls.get("")?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const columns = this.columns.filter((part) => part.words);
    for (const sought of wanted) {
      const found = columns
        .map((part) => ({ values: part.values, has: part.words.map((word) => word.toLowerCase().includes(sought)) }))
        .filter((part) => part.has.includes(true));
      yield (place) => found.some((part) => part.has[part.values[place]]);
    }
  }

  *filters() {
    for (const part of this.columns) {
      const wanted = this.controls.get(part.name)?.value ?? "";
      if (wanted === "") continue;
      if (part.words) {
        const code = part.words.indexOf(wanted);
        yield (place) => part.values[place] === code;
      } else {
        yield (place) => part.values[place] >= Number(wanted);
      }
    }
  }

  /** Set the filters, all others off. */
  choose(wanted) {
    for (const [name, field] of this.controls) field.value = wanted[name] ?? "";
    this.apply();
  }

  /** On a narrow screen only the columns that matter: the others are in the row's evidence. */
  fit() {
    const offset = this.packed.opens ? 1 : 0;
    this.shown.forEach((part, index) => {
      this.data.column(index + offset).visible(part.narrow || !NARROW.matches, false);
    });
    this.data.columns.adjust();
  }
}

/** A choice among the words of a column that there are; null where there is only one. */
function choice(part) {
  const there = [...new Set(part.values)].map((code) => part.words[code]).filter(Boolean).sort();
  if (there.length < 2) return null;
  const name = part.title || part.name;
  const field = element("select", { "aria-label": name });
  field.append(element("option", { value: "" }, `any ${name}`), ...there.map((word) => element("option", { value: word }, word)));
  return { field, whole: field };
}

function least(part) {
  const field = element("input", { type: "number", step: "any", "aria-label": `${part.title} at least` });
  return { field, whole: element("label", { class: "least" }, `${part.title} ≥ `, field) };
}

function later(action) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, PAUSE);
  };
}

/** Show a table with these filters. */
function show(id, wanted) {
  const table = made.get(id);
  table.choose(wanted);
  const section = table.table.closest("section");
  section.scrollIntoView();
  table.controls.get("")?.focus({ preventScroll: true });
}

// --- the page ------------------------------------------------------------------------------------------------------

async function main() {
  const [text, script] = await Promise.all([unpacked("tables"), unpacked("library")]);
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: DataTable } = await import(address);
  URL.revokeObjectURL(address);
  DataTable.ext.errMode = "throw";
  for (const packed of JSON.parse(text)) {
    const host = document.querySelector(`[data-table="${packed.id}"]`);
    made.set(packed.id, new Table(packed, host, DataTable));
  }
  for (const card of document.querySelectorAll(".card[data-status]:not(.none)")) {
    const { status } = card.dataset;
    if (!status) continue;
    card.addEventListener("click", (event) => {
      event.preventDefault();
      show("records", { status });
    });
  }
  document.documentElement.dataset.ready = String(Math.round(performance.now())); // how long it took, for tests
}

main().catch((error) => {
  const place = document.getElementById("trouble");
  place.textContent = `The tables cannot be shown: ${error.message}. The same is in records.csv beside this page.`;
  place.hidden = false;
  throw error;
});
