const numeral = (count) => count.toLocaleString("en-US");
const plural = (count, noun) => `${numeral(count)} ${noun}${count === 1 ? "" : "s"}`;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const { compare } = new Intl.Collator("en", { numeric: true });
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function timeText(iso) {
  const [, year, month, day, time] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d)[\d:.]*(?:Z|\+00:00)$/.exec(iso) ?? [];
  return MONTHS[month - 1] ? `${Number(day)} ${MONTHS[month - 1]} ${year}, ${time} UTC` : iso;
}

function readRows(data) {
  const firstOf = new Map();
  data.organizations.forEach(([id], index) => firstOf.has(id) || firstOf.set(id, index));
  return data.rows.map(([number, index, name, address, connection, status, link, time, isTwice, error]) => {
    const [organizationId, organizationName] = data.organizations[index];
    return {
      number, organizationId, organizationName, name, address, connection, link, time, status,
      isTwice: Boolean(isTwice),
      error: data.errors[error],
      organization: String(firstOf.get(organizationId)),
      searched: fold([organizationId, organizationName, name, address, connection].join("\n")),
    };
  });
}

/** How the table's columns are sorted, by the class of their header. */
const ORDERS = {
  number: (a, b) => a.number - b.number,
  organization: (a, b) => compare(a.organizationName || a.organizationId, b.organizationName || b.organizationId),
  prospect: (a, b) => compare(a.name || a.address, b.name || b.address),
  connection: (a, b) => compare(a.connection, b.connection),
  state: (a, b) => a.status - b.status,
  link: (a, b) => Boolean(b.link) - Boolean(a.link) || compare(a.error, b.error),
  when: (a, b) => compare(a.time, b.time),
};

/**
 * Return the rows as a table to copy: a list of lists of texts, the first of them the header.
 * Without links or addresses, as for revocations, it has no column for them.
 */
function cellsOf(rows, labels, links, errorTitle, timeTitle) {
  const columns = [
    ["Row", (row) => String(row.number)],
    ["Organization ID", (row) => row.organizationId],
    ["Organization", (row) => row.organizationName],
    ["Prospect", (row) => row.name],
    ...(rows.some((row) => row.address) ? [["E-mail", (row) => row.address]] : []),
    ["Connection", (row) => row.connection],
    ["Status", (row) => labels[row.status] + (row.isTwice ? ", possibly issued twice" : "")],
    ...(links ? [["Link", (row) => links.of(row)]] : []),
    [timeTitle, (row) => timeText(row.time)],
    [errorTitle, (row) => row.error],
  ];
  return [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, value]) => value(row)))];
}
