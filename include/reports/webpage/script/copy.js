function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// The same rule as in cells.py: an apostrophe before all that a spreadsheet would run as a formula.
const FORMULA = /^['"\s\uFEFF]*[=+\-@\t\r\n＝＋－＠]/;
const guard = (text) => text.split(";").map((part) => (FORMULA.test(part) ? `'${part}` : part)).join(";");

/** Return a table, a list of lists of texts, as a spreadsheet takes it: tab-separated. */
function tableText(table) {
  const cell = (text) => {
    const line = guard(text).replace(/[\t\r\n]+/g, " ");
    return line.startsWith('"') ? `"${line.replaceAll('"', '""')}"` : line;
  };
  return table.map((cells) => cells.map(cell).join("\t")).join("\n");
}

/** Return the same table as a mail client takes it. */
function tableHtml([header, ...table]) {
  const cell = (text) => {
    const shown = guard(text);
    return element("td", {}, /^https:\/\//.test(shown) ? element("a", { href: shown, textContent: shown }) : shown);
  };
  return element(
    "table",
    { border: "1" },
    element("thead", {}, element("tr", {}, ...header.map((text) => element("th", { textContent: text })))),
    element("tbody", {}, ...table.map((cells) => element("tr", {}, ...cells.map(cell)))),
  ).outerHTML;
}

/**
 * Copy a text, also as HTML if given; return whether the browser did.
 * The older way comes first: Airflow shows the page in a frame, where the newer one may be refused.
 */
async function copyText(text, html = "") {
  if (copyNow(text, html)) return true;
  const types = { "text/plain": text, ...(html && { "text/html": html }) };
  const blobs = Object.entries(types).map(([type, content]) => [type, new Blob([content], { type })]);
  try {
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
    return true;
  } catch {
    return false;
  }
}

function copyNow(text, html) {
  let isPut = false;
  const put = (event) => {
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
    if (html) event.clipboardData.setData("text/html", html);
    isPut = true;
  };
  const focused = document.activeElement;
  // Browsers copy only if something is selected.
  const selected = element("textarea", { className: "offscreen", value: " " });
  document.body.append(selected);
  selected.select();
  document.addEventListener("copy", put, { once: true });
  const isCopied = document.execCommand("copy");
  document.removeEventListener("copy", put);
  selected.remove();
  focused?.focus({ preventScroll: true });
  return isCopied && isPut;
}
