/** The links of the rows: all in the page, or requested when a person reveals them, and then kept in memory only. */
class Links {
  static MOST_ROWS = 1000;

  constructor(rows, url) {
    this.url = url;
    this.known = new Map(url ? [] : rows.filter((row) => row.link).map((row) => [row.number, row.link]));
  }

  /** Return the link of a row, empty if it is not known. */
  of(row) {
    return this.known.get(row.number) ?? "";
  }

  /** Request the links of rows that have one; raise an Error with a message for the reader. */
  async load(rows) {
    const missing = rows.filter((row) => row.link && !this.known.has(row.number)).map((row) => row.number);
    for (let begin = 0; begin < missing.length; begin += Links.MOST_ROWS) {
      const links = await this.request(missing.slice(begin, begin + Links.MOST_ROWS));
      for (const [number, link] of Object.entries(links)) this.known.set(Number(number), String(link));
    }
    const lacking = missing.filter((number) => !this.known.has(number)).length;
    if (lacking) throw new Error(`${plural(lacking, "link")} did not come. Reload the page.`);
  }

  async request(numbers) {
    const options = {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ rows: numbers }),
    };
    const answer = await fetch(this.url, options).catch(() => {
      throw new Error("The server can't be reached. Try again.");
    });
    const body = await answer.json().catch(() => null);
    if (answer.ok && body?.links) return body.links;
    const detail = typeof body?.detail === "string" ? body.detail : `the server answered ${answer.status}`;
    throw new Error(`The links can't be shown: ${detail}`);
  }
}
