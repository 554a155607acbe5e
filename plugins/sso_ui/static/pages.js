// Shared by all pages. Airflow shows them in an iframe of its own origin that may neither open windows nor lead its
// parent to another page.
"use strict";

try {
  const theme = localStorage.getItem("theme"); // Airflow's own choice of light or dark
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // the browser's preference applies
}

const say = (text) => {
  document.getElementById("said").textContent = text;
};

// Values of a form as the parameters of a DAG run.
const parameters = (form) => {
  const values = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") values[field.name] = field.checked;
    else if ("json" in field.dataset) values[field.name] = JSON.parse(field.value);
    else values[field.name] = field.value;
  }
  return values;
};

// Start a run by Airflow's REST API, with the rights of the person who is logged in. Airflow's audit log keeps who has
// started it, with which parameters, and the note.
const startRun = async (form) => {
  const button = form.querySelector("button[type=submit]");
  const problem = form.querySelector(".problem");
  const { airflow, root } = document.body.dataset;
  const { note } = form.dataset;
  const dag = encodeURIComponent(form.dataset.start);
  button.disabled = true;
  problem.textContent = "";
  try {
    const response = await fetch(`${airflow}/api/v2/dags/${dag}/dagRuns`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: parameters(form), note }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`Airflow answers ${response.status}: ${JSON.stringify(answer.detail)}`);
    location.assign(`${root}/runs/${dag}/${encodeURIComponent(answer.dag_run_id)}`);
  } catch (error) {
    problem.textContent = error.message;
    button.disabled = false;
  }
};

const copy = async (element) => {
  const selection = getSelection();
  selection.selectAllChildren(element);
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    return document.execCommand("copy"); // without the permission that an iframe may lack
  }
};

// Airflow's own router in the parent shows one of its pages.
const openInAirflow = (href) => {
  parent.history.pushState({}, "", href);
  parent.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
};

// A mail is shown in a frame whose policy ignores the styles in its source, as that of this page does. Those of its
// elements are set here. No script runs in the frame.
const styleMail = (frame) => {
  for (const element of frame.contentDocument.querySelectorAll("[style]")) {
    element.style.cssText = element.getAttribute("style");
  }
};

document.addEventListener(
  "load",
  ({ target }) => {
    if (target.matches?.("iframe[data-mail]")) styleMail(target);
  },
  true, // the event of a frame does not bubble
);

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-start]")) return;
  event.preventDefault();
  startRun(event.target);
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-submit]") && target.files.length) target.form.requestSubmit();
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-airflow-page]");
  if (link && parent !== window) {
    event.preventDefault();
    openInAirflow(link.href);
  }
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const copied = await copy(button.parentElement.querySelector(".url"));
  button.textContent = copied ? "Copied" : "Selected";
  say(copied ? "The link is copied." : "The link is selected: copy it.");
  setTimeout(() => (button.textContent = "Copy"), 2000);
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const zone = event.target.closest?.("[data-drop]");
    if (!zone) return;
    event.preventDefault();
    zone.classList.toggle("over", kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    const input = zone.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.form.requestSubmit();
  });
}

// What a search has found is said; its numbers and rows are too many to be read out.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const found = detail.target.querySelector("[data-say]");
  if (found) say(found.textContent);
});

// htmx shows only successes by itself.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status < 400) return;
  detail.shouldSwap = true;
  detail.isError = false;
});
