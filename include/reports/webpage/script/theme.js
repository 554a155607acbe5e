"use strict";

/** Airflow keeps its theme in the browser; a page from disk follows the system's. */
function followTheme() {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  } catch {
    // No access to it: a frame without an origin, or a browser that refuses it.
  }
}

followTheme();
addEventListener("storage", followTheme);
