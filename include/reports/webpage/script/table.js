const PAGE = 100;

class Table {
  constructor(data) {
    for (const id of ["search", "status", "organization", "count", "said", "manual", "reveal", "copy", "pages"]) {
      this[id] = document.getElementById(id);
    }
    this.section = document.getElementById("all-rows");
    this.body = this.section.querySelector("tbody");
    this.headers = [...this.section.querySelectorAll("th")];
    this.statuses = data.statuses;
    this.labels = data.labels;
    this.errorTitle = data.error_title;
    this.rows = readRows(data);
    this.sorted = this.rows;
    this.links = new Links(this.rows, data.links_url);
    this.revealed = new Set();
    this.first = 0;
    fillFilters(this.rows, this.labels, this.status, this.organization);
    this.listen();
    this.filter();
    this.section.hidden = false;
    this.followHash();
  }

  listen() {
    this.search.addEventListener("input", () => this.filter());
    this.status.addEventListener("change", () => this.filter());
    this.organization.addEventListener("change", () => this.filter());
    this.section.querySelector("thead").addEventListener("click", ({ target }) => target.matches("button") && this.sort(target.closest("th")));
    this.body.addEventListener("click", ({ target }) => target.matches("button") && this.act(target));
    this.reveal?.addEventListener("click", () => this.run(() => this.revealShown()));
    this.copy.addEventListener("click", () => this.run(() => this.copyShown()));
    this.pages.addEventListener("click", ({ target }) => this.turn(target));
    this.manual.querySelector("button").addEventListener("click", () => (this.manual.hidden = true));
    addEventListener("hashchange", () => this.followHash());
    document.addEventListener("click", ({ target }) => target.closest("a")?.hash === location.hash && this.followHash());
    addEventListener("beforeprint", () => this.show(this.shown));
    addEventListener("afterprint", () => this.showPage());
  }

  /** Show the rows that match the search and the filters, from the first page on. */
  filter() {
    const words = fold(this.search.value).split(/\s+/).filter(Boolean);
    const { value: status } = this.status;
    const { value: organization } = this.organization;
    this.shown = this.sorted.filter(
      (row) =>
        (!status || (status === "twice" ? row.isTwice : String(row.status) === status)) &&
        (!organization || row.organization === organization) &&
        words.every((word) => row.searched.includes(word)),
    );
    this.first = 0;
    this.showPage();
  }

  sort(header) {
    const isDescending = header.ariaSort === "ascending";
    for (const other of this.headers) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const order = ORDERS[header.className];
    this.sorted = [...this.rows].sort(isDescending ? (a, b) => order(b, a) : order);
    this.filter();
  }

  turn(button) {
    if (!button.matches("button") || button.ariaDisabled === "true") return;
    const last = Math.floor((this.shown.length - 1) / PAGE) * PAGE;
    this.first = { first: 0, previous: this.first - PAGE, next: this.first + PAGE, last }[button.dataset.page];
    this.showPage();
    this.section.scrollIntoView();
  }

  showPage() {
    const { length } = this.shown;
    const end = Math.min(this.first + PAGE, length);
    const pageText = length > PAGE ? `Rows ${numeral(this.first + 1)} to ${numeral(end)} of ${numeral(length)}` : plural(length, "row");
    const isAll = length === this.rows.length;
    this.count.textContent = isAll ? pageText : `${pageText} that match, of ${numeral(this.rows.length)}`;
    this.pages.hidden = length <= PAGE;
    for (const button of this.pages.querySelectorAll("button")) {
      const isBack = ["first", "previous"].includes(button.dataset.page);
      button.ariaDisabled = String(isBack ? this.first === 0 : end === length);
    }
    this.show(this.shown.slice(this.first, end));
  }

  show(rows) {
    this.body.replaceChildren(...rows.map((row) => this.line(row)));
    if (this.reveal) this.reveal.textContent = this.isAllRevealed() ? "Hide all shown" : "Reveal all shown";
  }

  isAllRevealed() {
    const linked = this.shown.filter((row) => row.link);
    return linked.length > 0 && linked.every((row) => this.revealed.has(row.number));
  }

  line(row) {
    const two = (first, second) => [first || second, ...(first && second ? [element("small", { textContent: second })] : [])];
    const key = element("span", { className: `key s-${this.statuses[row.status]}` });
    const badge = element("span", { className: "badge" }, key, this.labels[row.status]);
    const isOver = row.link && Date.parse(row.time) < Date.now();
    const cells = [
      [String(row.number)],
      two(row.organizationName, row.organizationId),
      two(row.name, row.address),
      [row.connection],
      [badge, ...(row.isTwice ? [element("small", { textContent: "possibly issued twice" })] : [])],
      this.linkCell(row),
      [timeText(row.time), ...(isOver ? [element("small", { className: "late", textContent: "expired" })] : [])],
    ];
    const line = element("tr", { id: `row-${row.number}`, className: row === this.target ? "target" : "", tabIndex: -1 });
    cells.forEach((content, index) => {
      const cell = element("td", { className: this.headers[index].className }, ...content);
      cell.dataset.label = this.headers[index].textContent.trim();
      line.append(cell);
    });
    return line;
  }

  linkCell(row) {
    const content = [];
    if (row.link) {
      const isRevealed = this.revealed.has(row.number);
      const button = (action, text, what) => {
        const made = element("button", { type: "button", textContent: text, ariaLabel: `${text} ${what} of row ${row.number}` });
        made.dataset.action = action;
        return made;
      };
      content.push(
        element(
          "span",
          { className: "ticket" },
          ...(isRevealed ? [element("span", { className: "url", textContent: this.links.of(row) })] : []),
          button("reveal", isRevealed ? "Hide" : "Reveal", "the link"),
          button("copy", "Copy", "the link"),
        ),
      );
    }
    if (row.error) content.push(element("span", { className: "error", textContent: row.error }));
    return content;
  }

  /** Do what a button of a row says. */
  act(button) {
    const line = button.closest("tr");
    const row = this.shown.find(({ number }) => `row-${number}` === line.id);
    const { action } = button.dataset;
    const again = () => line.isConnected && this.redraw(line, row, action);
    this.run(async () => {
      if (action === "reveal" && this.revealed.delete(row.number)) return again();
      await this.links.load([row]);
      if (action === "reveal") {
        this.revealed.add(row.number);
        this.say(`The link of row ${row.number} is shown.`);
        return again();
      }
      if (await this.copyOut(this.links.of(row))) {
        this.say(`The link of row ${row.number} is copied.`);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 2000);
      }
    });
  }

  redraw(line, row, action) {
    const made = this.line(row);
    line.replaceWith(made);
    made.querySelector(`[data-action=${action}]`).focus();
    this.reveal.textContent = this.isAllRevealed() ? "Hide all shown" : "Reveal all shown";
  }

  async revealShown() {
    const linked = this.shown.filter((row) => row.link);
    if (this.isAllRevealed()) {
      linked.forEach((row) => this.revealed.delete(row.number));
      this.say("The links are hidden.");
    } else {
      await this.links.load(linked);
      linked.forEach((row) => this.revealed.add(row.number));
      this.say(linked.length ? `${plural(linked.length, "link")} shown.` : "None of these rows has a link.");
    }
    this.showPage();
  }

  async copyShown() {
    const rows = this.shown;
    const linked = rows.filter((row) => row.link);
    await this.links.load(linked);
    const timeTitle = this.headers.at(-1).textContent.trim();
    const table = cellsOf(rows, this.labels, this.reveal && this.links, this.errorTitle, timeTitle);
    if (await this.copyOut(tableText(table), tableHtml(table))) {
      const links = linked.length ? ` with ${plural(linked.length, "link")}` : "";
      this.say(`${plural(rows.length, "row")}${links} copied. Paste into a spreadsheet or a mail.`);
    }
  }

  /** Copy, or select the text for the reader to copy; return whether it is copied. */
  async copyOut(text, html) {
    this.manual.hidden = true;
    if (await copyText(text, html)) return true;
    this.say("The browser refuses to copy. Select and copy the text yourself.");
    this.manual.hidden = false;
    const area = this.manual.querySelector("textarea");
    area.value = text;
    area.select();
    return false;
  }

  /** Run an action, one at a time, and show its error. */
  async run(action) {
    if (this.isBusy) return;
    this.isBusy = true;
    this.section.ariaBusy = "true";
    this.say("");
    try {
      await action();
    } catch (error) {
      this.say(error.message, true);
    } finally {
      this.isBusy = false;
      this.section.ariaBusy = "false";
    }
  }

  say(text, isProblem = false) {
    clearTimeout(this.timer);
    this.said.textContent = text;
    this.said.classList.toggle("problem", isProblem);
    if (!isProblem) this.timer = setTimeout(() => (this.said.textContent = ""), 6000);
  }

  /** Go to what the address names: a row, as in #row-17, or the rows of a status, as in #status-failed. */
  followHash() {
    const [, kind, name] = /^#(row|status)-(\w+)$/.exec(location.hash) ?? [];
    if (kind === "status") this.goToStatus(name);
    const row = kind === "row" && this.rows.find(({ number }) => number === Number(name));
    if (row) this.goToRow(row);
  }

  goToStatus(name) {
    this.clear();
    this.status.value = name === "duplicate" ? "twice" : String(this.statuses.indexOf(name));
    this.filter();
    this.section.scrollIntoView();
    this.status.focus({ preventScroll: true });
  }

  goToRow(row) {
    if (!this.shown.includes(row)) this.clear();
    this.target = row;
    this.first = Math.floor(this.shown.indexOf(row) / PAGE) * PAGE;
    this.showPage();
    const line = document.getElementById(`row-${row.number}`);
    line.focus({ preventScroll: true });
    line.scrollIntoView({ block: "center" });
  }

  clear() {
    this.search.value = this.status.value = this.organization.value = "";
    this.filter();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const data = document.getElementById("rows");
  if (data) new Table(JSON.parse(data.textContent));
});
