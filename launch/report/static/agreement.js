"use strict";
// What others think of the instances: shown, filtered and sorted by. Of several opinions the lowest counts.

const agreement = (() => {
  const { el, $ } = labelyard;
  const DOUBTED = 0.5;

  const said = (found, who) => {
    const all = found[4] || {};
    if (who) return Object.hasOwn(all, who) ? all[who] : null;
    const values = Object.values(all);
    return values.length ? Math.min(...values) : null;
  };

  function offer(records) {
    const asked = new Set(records.flatMap((record) => record.found.flatMap((found) => Object.keys(found[4] || {}))));
    if (!asked.size) return;
    $("#agreeing").hidden = false;
    $("#who").append(el("option", { value: "" }, asked.size > 1 ? "the lowest" : "any"));
    for (const name of [...asked].sort()) $("#who").append(el("option", { value: name }, name));
    $("#order").append(el("option", { value: "doubted" }, "lowest agreement"));
  }

  // null where nothing is wished for.
  function wish() {
    const [least, most] = [$("#agrees").value, $("#doubts").value];
    const who = $("#who").value;
    if (least === "" && most === "" && !who) return null;
    return { who, least: least === "" ? 0 : Number(least), most: most === "" ? 1 : Number(most) };
  }

  function fits(found, { who, least, most }) {
    const value = said(found, who);
    return value !== null && value >= least && value <= most;
  }

  function least(record) {
    const values = record.found.map((found) => said(found, $("#who").value)).filter((value) => value !== null);
    return values.length ? Math.min(...values) : 2;
  }

  function chips(anno) {
    const all = anno.agreement !== null && typeof anno.agreement === "object" ? Object.entries(anno.agreement) : [];
    return all.filter(([, value]) => typeof value === "number").map(([name, value]) =>
      el("small", { class: value < DOUBTED ? "opinion doubted" : "opinion", title: `agreement of ${name}` },
        `${name} ${value.toFixed(2)}`));
  }

  return { offer, wish, fits, least, chips };
})();
