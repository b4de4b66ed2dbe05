"use strict";
// The gallery: cards that are filled when they come into view, filters, order.

const gallery = (() => {
  const { el, svg, $, typing, later, remember, recall } = labelyard;
  let all = [], shown = [], colours = [], stages = [], base = "";
  const cells = new Map();

  const orders = {
    list: (a, b) => a.at - b.at,
    most: (a, b) => b.found.length - a.found.length || a.at - b.at,
    fewest: (a, b) => a.found.length - b.found.length || a.at - b.at,
    surest: (a, b) => b.best - a.best || a.at - b.at,
    unsurest: (a, b) => a.least - b.least || a.at - b.at,
    largest: (a, b) => b.original[0] * b.original[1] - a.original[0] * a.original[1] || a.at - b.at,
    longest: (a, b) => b.caption.length - a.caption.length || a.at - b.at,
    doubted: (a, b) => agreement.least(a) - agreement.least(b) || a.at - b.at,
    shuffled: (a, b) => (a.id < b.id ? -1 : 1),
  };

  function prepare(record) {
    const scores = record.found.map((found) => found[1]);
    record.best = scores.length ? Math.max(...scores) : -1;
    record.least = scores.length ? Math.min(...scores) : 2;
    record.text = [
      record.caption, record.file,
      ...record.tags.map((tag) => tag[0]),
      ...record.found.flatMap((found) => [found[0], found[3]]),
      ...(record.texts || []),
    ].join("\n").toLowerCase();
    return record;
  }

  function wishes() {
    const number = (selector, otherwise) => ($(selector).value === "" ? otherwise : Number($(selector).value));
    return {
      words: $("#text").value.toLowerCase().split(/\s+/).filter(Boolean),
      label: $("#label").value,
      least: number("#least", 0),
      most: number("#most", Infinity),
      score: Number($("#score").value) / 100,
      agrees: agreement.wish(),
    };
  }

  // With a label, a score and an agreement the same instance must have all of them.
  function fits(record, wish) {
    const count = record.found.length;
    if (count < wish.least || count > wish.most) return false;
    if (!wish.words.every((word) => record.text.includes(word) || record.id === word)) return false;
    if (!wish.label && !wish.score && !wish.agrees) return true;
    return record.found.some((found) => (!wish.label || found[0] === wish.label) && found[1] >= wish.score
      && (!wish.agrees || agreement.fits(found, wish.agrees)));
  }

  // Where the colours begin differs from image to image, so that the first instance is not always red.
  const colour = (record, number) => colours[(record.turn + number) % colours.length];

  function boxes(record) {
    const [width, height] = record.size;
    const drawing = svg("svg", { class: "boxes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    record.found.forEach(([, , [x, y, w, h]], number) => {
      drawing.append(svg("rect", { x, y, width: w, height: h, stroke: colour(record, number) }));
    });
    return drawing;
  }

  function content(record) {
    const [width, height] = record.size;
    const source = (name) => base + name;
    const picture = el("div", { class: "picture" },
      record.thumb ? null : el("span", { class: "words" }, record.texts ? record.texts[0] : "no image"),
      !record.thumb ? null : el("img", { class: "photo", src: source(record.thumb), alt: "", loading: "lazy", decoding: "async", width, height }),
      record.masks ? el("img", { class: "masks", src: source(record.masks), alt: "", loading: "lazy", width, height }) : null,
      record.found.length ? boxes(record) : null,
      record.clips ? el("span", { class: "plays", "aria-hidden": "true" }, "▶") : null,
      el("span", { class: "count" }, String(record.found.length)));
    const chips = new Map();
    record.found.forEach(([label, score], number) => {
      const chip = chips.get(label);
      if (chip) chip.times += 1;
      else chips.set(label, { score, times: 1, colour: colour(record, number) });
    });
    const line = el("span", { class: "chips" });
    for (const [label, chip] of chips) {
      const dot = el("i");
      dot.style.background = chip.colour;
      const behind = chip.times > 1 ? `×${chip.times}` : chip.score.toFixed(2);
      line.append(el("span", { class: "chip", title: label }, dot, el("span", {}, label), el("small", {}, behind)));
    }
    if (!chips.size) {
      for (const [name] of record.tags.slice(0, 4)) line.append(el("span", { class: "chip tag", title: name }, el("span", {}, name)));
    }
    return [picture, el("span", { class: "caption" }, record.caption || (record.texts || [])[0] || "(no caption)"), line];
  }

  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      entry.target.append(...content(entry.target.record));
    }
  }, { rootMargin: "600px" });

  function cell(record) {
    if (!cells.has(record.id)) {
      const card = el("a", { class: "card", href: "#" + record.id, "aria-label": record.caption || record.file });
      const ratio = Math.min(3, Math.max(0.4, record.size[0] / record.size[1]));
      card.style.setProperty("--ratio", ratio);
      card.record = record;
      observer.observe(card);
      cells.set(record.id, card);
    }
    return cells.get(record.id);
  }

  function show() {
    const wish = wishes();
    shown = all.filter((record) => fits(record, wish)).sort(orders[$("#order").value]);
    $("#grid").replaceChildren(...shown.map(cell), el("div", { class: "filler", "aria-hidden": "true" }));
    const found = shown.reduce((sum, record) => sum + record.found.length, 0);
    $("#shown").textContent = `${shown.length} of ${all.length} records, ${found} instances`;
    $("#none").hidden = shown.length > 0;
    $("#scored").textContent = wish.score ? "≥ " + wish.score.toFixed(2) : "any";
  }

  function clear() {
    for (const selector of ["#text", "#label", "#least", "#most", "#who", "#agrees", "#doubts"]) $(selector).value = "";
    $("#score").value = 0;
    show();
  }

  function labels() {
    const counts = new Map();
    for (const record of all) for (const [label] of record.found) counts.set(label, (counts.get(label) || 0) + 1);
    for (const [label, count] of [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))) {
      $("#label").append(el("option", { value: label }, `${label} (${count})`));
    }
  }

  // Layers that the cards and the large record share: on or off for the whole page.
  function layer(name) {
    const button = $("#layer-" + name);
    const set = (on) => {
      document.body.classList.toggle("no-" + name, !on);
      button.setAttribute("aria-pressed", String(on));
      remember("labelyard-" + name, on ? "on" : "off");
    };
    set(recall("labelyard-" + name) !== "off");
    const toggle = () => set(document.body.classList.contains("no-" + name));
    button.addEventListener("click", toggle);
    return toggle;
  }

  function tab(name) {
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== "part-" + name;
    for (const button of document.querySelectorAll("nav [data-tab]")) {
      if (button.dataset.tab === name) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    window.scrollTo(0, 0);
  }

  function start() {
    const cards = labelyard.data.get("cards");
    base = cards.base;
    colours = cards.colours;
    stages = cards.stages;
    all = cards.records.map(prepare);
    labels();
    agreement.offer(all);
    const again = later(show);
    for (const selector of ["#text", "#least", "#most", "#score", "#agrees", "#doubts"]) $(selector).addEventListener("input", again);
    for (const selector of ["#label", "#order", "#who"]) $(selector).addEventListener("change", show);
    for (const button of document.querySelectorAll(".clear")) button.addEventListener("click", clear);
    for (const button of document.querySelectorAll("nav [data-tab]")) {
      button.addEventListener("click", () => { location.hash = button.dataset.tab === "gallery" ? "" : button.dataset.tab; });
    }
    $("#more-filters").addEventListener("click", () => {
      $("#more-filters").setAttribute("aria-expanded", String($(".filters").classList.toggle("open")));
    });
    const toggles = { m: layer("masks"), b: layer("boxes") };
    document.addEventListener("keydown", (event) => {
      if (typing(event)) return;
      if (toggles[event.key]) toggles[event.key]();
      if (event.key === "/" && !$("#record").open) { event.preventDefault(); tab("gallery"); $("#text").focus(); }
    });
    show();
    route();
    window.addEventListener("hashchange", route);
  }

  // #dataset and #run are sections, any other name is a record: so going back works, and a link to a record.
  function route() {
    const name = decodeURIComponent(location.hash.slice(1));
    const opened = all.find((record) => record.id === name);
    if (opened) return viewer.open(opened);
    viewer.close();
    if (name !== "") return tab(["dataset", "run"].includes(name) ? name : "gallery");
    if ($("#part-gallery").hidden) tab("gallery");
  }

  document.addEventListener("DOMContentLoaded", start);
  return { neighbours: () => shown, colour, boxes, base: () => base, stages: () => stages };
})();
