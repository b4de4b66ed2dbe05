"use strict";
// What steps found aside, and findings: folded, and made when they are opened.

const asides = (() => {
  const { el, svg } = labelyard;
  const LISTED = 200;

  function folded(words, content) {
    const details = el("details", {}, el("summary", {}, ...words));
    details.addEventListener("toggle", () => {
      if (details.open && !details.dataset.made) details.append(...content());
      details.dataset.made = "1";
    });
    return details;
  }

  const json = (value) => [el("pre", { class: "json" }, JSON.stringify(value, null, 2))];

  function findings(found) {
    const names = Object.entries(found);
    if (!names.length) return [];
    return [el("h3", {}, el("span", {}, "findings")), ...names.map(([name, value]) => folded([name], () => json(value)))];
  }

  const counted = (number, one, many) => (number ? [`${number} ${number === 1 ? one : many}`] : []);

  // over: the names of those whose boxes are on the image; change() draws them.
  function list(found, over, change) {
    const names = Object.entries(found);
    if (!names.length) return [];
    return [el("h3", {}, el("span", {}, "aside")), ...names.map(([name, aside]) => {
      const instances = aside.instances || [], tags = aside.tags || [], said = aside.texts || {};
      const masked = instances.some((one) => one.mask);
      const sums = [...counted(instances.length, "box", "boxes"), ...counted(tags.length, "tag", "tags"),
        ...counted(Object.keys(said).length, "text", "texts")];
      const box = el("input", { type: "checkbox", "data-aside": name, checked: over.has(name),
        onchange: (event) => { over[event.target.checked ? "add" : "delete"](name); change(); } });
      return el("div", { class: "aside" },
        instances.length ? el("label", { class: "over" }, box, masked ? "boxes, masks" : "boxes") : null,
        folded([name, " ", el("small", {}, sums.join(", ") || "nothing")], () => [
          el("div", { class: "chips" }, ...tags.slice(0, LISTED).map((tag) => el("span", { class: "chip tag", title: tag.name },
            el("span", {}, tag.name), el("small", {}, tag.score.toFixed(2))))),
          el("ol", {}, ...instances.slice(0, LISTED).map((one) =>
            el("li", {}, one.label, " ", el("small", {}, one.score.toFixed(3))))),
          ...texts.list(said, () => null, () => {}),
          instances.length > LISTED || tags.length > LISTED ? el("small", {}, "The first ones; the JSON has all.") : "",
        ].filter(Boolean)));
    })];
  }

  // Their boxes are in pixels of the image as it was read; the overlay is in those of the frame.
  function boxes(aside, [width, height], original, size, colour) {
    const x = width / original[0], y = height / original[1];
    return (aside.instances || []).map(({ box: [left, top, right, bottom], label, score, mask }, number) => {
      const rect = svg("rect", { x: left * x, y: top * y, width: Math.max(0, right - left) * x, height: Math.max(0, bottom - top) * y });
      if (mask) rect.style.stroke = colour(number);
      return svg("g", { class: "of-aside" }, rect,
        svg("text", { x: left * x + size * 0.2, y: bottom * y - size * 0.3, "font-size": size * 0.8 },
          `${label} ${score.toFixed(2)}`));
    });
  }

  // Of the page's data these are in pixels of the frame; the small ones over the large ones.
  function layers(aside, colour) {
    return (aside.instances || []).map(({ mask }, number) => mask && { counts: mask.counts, colour: colour(number), alpha: 115 })
      .filter(Boolean).sort((a, b) => masks.area(b.counts) - masks.area(a.counts));
  }

  return { findings, list, boxes, layers };
})();
