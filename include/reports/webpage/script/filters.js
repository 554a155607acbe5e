/** Fill the selections with what the rows have, and how many of them. */
function fillFilters(rows, labels, statusChoice, organizationChoice) {
  const count = (by) => rows.reduce((counts, row) => counts.set(by(row), (counts.get(by(row)) ?? 0) + 1), new Map());
  const option = (value, text, amount) => element("option", { value, textContent: `${text} (${numeral(amount)})` });
  const byStatus = count((row) => row.status);
  labels.forEach((label, index) => byStatus.has(index) && statusChoice.append(option(index, label, byStatus.get(index))));
  const twice = rows.filter((row) => row.isTwice).length;
  if (twice) statusChoice.append(option("twice", "possibly issued twice", twice));
  const byOrganization = count((row) => row.organization);
  const seen = new Set();
  const named = [...rows].sort(ORDERS.organization).filter((row) => !seen.has(row.organization) && seen.add(row.organization));
  const times = new Map();
  for (const row of named) times.set(row.organizationName, (times.get(row.organizationName) ?? 0) + 1);
  for (const row of named) {
    const id = row.organizationId || "(no organization_id)";
    const name = row.organizationName && row.organizationId ? row.organizationName : id;
    const text = name !== id && times.get(name) > 1 ? `${name}, ${id}` : name;
    organizationChoice.append(option(row.organization, text, byOrganization.get(row.organization)));
  }
}
