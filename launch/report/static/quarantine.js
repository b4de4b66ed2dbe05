"use strict";
// What could not be processed, and why.

(() => {
  const { el, $, later } = labelyard;
  const PAGE = 200;
  let items = [], shown = [], reason = "";

  function row(item) {
    return el("tr", {},
      el("td", { class: "reason" }, el("b", {}, item.step || "worker"), " ", item.reason),
      el("td", { class: "place" }, item.image),
      el("td", { class: "number", title: "attempts" }, String(item.attempts)));
  }

  function more() {
    const there = $("#rows").childElementCount;
    $("#rows").append(...shown.slice(there, there + PAGE).map(row));
    $("#more").hidden = $("#rows").childElementCount >= shown.length;
  }

  function show() {
    const words = $("#text").value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = items.filter((item) => (!reason || item.kind === reason) && words.every((word) => item.text.includes(word)));
    $("#rows").replaceChildren();
    $("#shown").textContent = `${shown.length} of ${items.length} items`;
    more();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const data = labelyard.data.get("quarantined");
    items = data.items.map((item) => ({ ...item, text: `${item.step} ${item.reason} ${item.image} ${item.id}`.toLowerCase() }));
    $("#reasons").append(...[["", data.total], ...data.reasons].map(([kind, count]) => el("button", {
      type: "button", class: "chip", "aria-pressed": String(kind === ""),
      onclick: (event) => {
        reason = kind;
        for (const other of $("#reasons").children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
        show();
      },
    }, kind || "all", el("small", {}, String(count)))));
    $("#text").addEventListener("input", later(show));
    $("#more").addEventListener("click", more);
    show();
  });
})();
