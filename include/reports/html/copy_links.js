// Airflow shows the page in a sandboxed iframe, where the asynchronous clipboard does not work.
for (const button of document.querySelectorAll(".copy")) button.hidden = false;
document.addEventListener("click", ({ target }) => {
  if (!target.matches(".copy")) return;
  getSelection().selectAllChildren(target.previousElementSibling);
  target.textContent = document.execCommand("copy") ? "copied" : "selected";
  setTimeout(() => (target.textContent = "copy"), 2000);
});
